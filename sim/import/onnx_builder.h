// Turns values and nodes of an ONNX graph into layers. ONNX images are channels-first; the machine
// works on channels-last, so the builder keeps track and inserts transposes, which cost nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "sim/import/network_builder.h"
#include "sim/import/onnx_graph.h"

namespace bitjoule {

/// A quantized value and what turns it into floats; DequantizeLinear not yet carried out.
struct OnnxDequantized {
  std::string codes;  ///< name of the ONNX value
  std::string scale, zero_point;
  std::int64_t axis = 1;
};

struct OnnxValue {
  enum class Kind {
    kLayer,     ///< output of a layer or input of the network
    kConstant,  ///< stored, an input that stands for it, or computed from those and shapes
  };
  Kind kind = Kind::kLayer;
  std::string layer;
  Shape shape;  ///< in ONNX's order
  bool channels_last = false;
  std::string reordered;  ///< the layer with the other order of axes, once there is one
  std::optional<OnnxDequantized> dequantized;
};

class OnnxBuilder : public NetworkBuilder {
 public:
  OnnxBuilder(const OnnxGraph& graph, std::string reference);

  const OnnxGraph& graph() const { return graph_; }
  Network take();

  // Values. Those that make a layer first carry out a pending DequantizeLinear.
  const OnnxValue& value(const std::string& name) const;
  bool is_data(const std::string& name) const;  ///< a kLayer
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  const Shape& shape(const OnnxNode& node, const std::string& name) const;
  std::string channels_last(const std::string& name);
  std::string plain(const std::string& name);
  std::string in_any_order(const std::string& name);  ///< a constant becomes a layer, too
  StoredTensor constant(const OnnxNode& node, const std::string& name) const;
  /// The integers of a constant operand (axes, pads, shapes).
  Shape integers(const OnnxNode& node, const std::string& name) const;
  /// Fails where a scale that is stored is negative or no number: no run takes it.
  void check_scale(const OnnxNode& node, const std::string& name) const;
  std::vector<float> floats(const OnnxNode& node, const std::string& name) const;
  /// Where a layer gets a tensor: from the model's file, or from the value at run time.
  TensorSource source(const std::string& name, TensorLayout layout = TensorLayout::kNative);

  // Layers.
  /// Appends a layer that produces the node's first output.
  NetworkLayer& add(const OnnxNode& node, NetworkOp op, std::vector<std::string> inputs,
                    bool channels_last);
  /// A transpose of a layer's output of `shape`; returns the new layer.
  std::string transposed(const OnnxNode& node, const std::string& layer, const Shape& shape,
                         const Shape& axes) {
    return NetworkBuilder::transposed(node.output(), layer, shape, axes);
  }
  /// The node's output is another value under a new name (and shape).
  void alias(const OnnxNode& node, const std::string& name);
  void set(const std::string& name, OnnxValue value) { values_[name] = std::move(value); }
  /// An input of the network, of the type that the graph states.
  void add_input(const std::string& name, const Shape& shape);
  /// The layer that computes `name`, if it is a MAC layer whose output only one node reads: what
  /// follows may be fused into it.
  NetworkLayer* fusable(const std::string& name);

 private:
  void load(const std::string& name);
  TensorSource given(const std::string& name, TensorLayout layout) const;
  std::string type_of(const std::string& name) const;
  std::string carry_out(const std::string& name);
  std::string reordered(const std::string& name);

  const OnnxGraph& graph_;
  std::string reference_;
  std::map<std::string, OnnxValue> values_;
};

/// Geometry of a convolution or pool down and across.
void set_windows(const std::vector<OnnxWindow>& down_and_across, Conv2d& to);

/// One operator; `add` appends its layers.
struct OnnxOperator {
  const char* op_type;
  void (*add)(OnnxBuilder& builder, const OnnxNode& node);
};

/// The tables of operators, by subject.
const std::vector<OnnxOperator>& onnx_mac_operators();
const std::vector<OnnxOperator>& onnx_quantization_operators();
const std::vector<OnnxOperator>& onnx_elementwise_operators();
const std::vector<OnnxOperator>& onnx_norm_operators();
const std::vector<OnnxOperator>& onnx_window_operators();
const std::vector<OnnxOperator>& onnx_movement_operators();

}  // namespace bitjoule
