// What ONNX operators take and yield: operands, attributes, types and shapes, each checked. The
// rules need no data but of operands that say what a node does (shapes, axes, pads).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"
#include "sim/formats/onnx_node.h"

namespace bitjoule {

/// TensorProto.DataType and shape.
struct OnnxInfo {
  int type = 0;
  Shape shape;
};

/// A node with what is known of its operands.
class OnnxOperands {
 public:
  using Values = std::function<StoredTensor(int operand)>;
  OnnxOperands(const OnnxNode& of, std::vector<OnnxInfo> infos, Values values)
      : node(of), infos_(std::move(infos)), values_(std::move(values)) {}

  const OnnxNode& node;
  bool has(int operand) const { return !node.input(operand).empty(); }
  int count() const { return static_cast<int>(infos_.size()); }
  /// Fail where the node has no such operand.
  const Shape& shape(int operand) const { return info(operand).shape; }
  int type(int operand) const { return info(operand).type; }
  const OnnxInfo& info(int operand) const;
  /// The integers of a constant operand of at most one axis.
  Shape integers(int operand) const;
  StoredTensor value(int operand) const { return values_(operand); }

 private:
  std::vector<OnnxInfo> infos_;
  Values values_;
};

/// Values of a node's outputs, all of whose operands are known; infos are those that the rule gave.
using OnnxFold = std::vector<StoredTensor> (*)(const OnnxOperands& in,
                                               const std::vector<OnnxInfo>& out);

struct OnnxRule {
  const char* op_type;
  int least_inputs, most_inputs;
  int most_outputs;
  /// Names with a letter of their type: i(nteger), f(loat), s(tring), t(ensor),
  /// g(raph); capitals are lists. Behind a '=' stands the only value that is
  /// supported.
  const char* attributes;
  std::vector<OnnxInfo> (*infer)(const OnnxOperands& in);
  OnnxFold fold;  ///< nullptr: constants are not computed, it becomes a layer
};

/// All rules.
const std::vector<const OnnxRule*>& onnx_rules();
/// nullptr for operators that are not known.
const OnnxRule* find_onnx_rule(const OnnxNode& node);

/// Checks operands and attributes against the rule and infers the outputs: as
/// many as the node has. Throws an input Error that names the node. Attributes
/// that mean nothing go to `notes`.
std::vector<OnnxInfo> infer_onnx(const OnnxRule& rule, const OnnxOperands& in,
                                 std::vector<std::string>& notes);

/// Throws an input Error for attributes of another name, kind or value than
/// `known` says, which has the form of OnnxRule::attributes: what an unknown
/// one would change is not known.
void check_onnx_attributes(const OnnxNode& node, const std::string& known,
                           std::vector<std::string>& notes);

/// The tables of rules, by subject.
const std::vector<OnnxRule>& onnx_mac_rules();
const std::vector<OnnxRule>& onnx_elementwise_rules();
const std::vector<OnnxRule>& onnx_movement_rules();
const std::vector<OnnxRule>& onnx_source_rules();

/// A window along one axis of an image (Conv, pools).
struct OnnxWindow {
  std::int64_t size = 1, kernel = 1, stride = 1, dilation = 1;
  std::int64_t before = 0, after = 0;  ///< padding
  std::int64_t beyond = 0;  ///< cells behind image and padding that ceil_mode's last window covers
  std::int64_t out = 1;     ///< places of the window
};

/// The windows of a node over an image [batch, channels, sizes...] by strides, dilations, pads,
/// auto_pad and ceil_mode. With ceil_mode a window that begins behind image and leading padding is
/// dropped, as PyTorch does and ONNX since 1.16.
std::vector<OnnxWindow> onnx_windows(const OnnxNode& node, const Shape& image, const Shape& kernel);

/// An operator whose result has the type and shape of its first operand.
inline std::vector<OnnxInfo> onnx_same(const OnnxOperands& in) { return {in.info(0)}; }

/// ReduceMean and its kin: the axes, sorted; empty: nothing is reduced.
Shape onnx_reduced_axes(const OnnxOperands& in);
Shape onnx_reduced_shape(const OnnxOperands& in);

/// What Slice keeps along every axis.
struct OnnxSlice {
  Shape starts, steps, shape;
};
OnnxSlice onnx_slice(const OnnxOperands& in);

/// Numpy's broadcast of two shapes; fails where they do not fit.
Shape onnx_broadcast(const OnnxNode& node, const Shape& a, const Shape& b);

}  // namespace bitjoule
