// ONNX operators that are written as nodes of other operators before anything is built: norms,
// recurrent layers, fused ones of com.microsoft. What they read from the file keeps its names;
// what is computed of that is named after the node's output.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "sim/formats/onnx_node.h"

namespace bitjoule {

/// Writes the nodes that stand for one.
class OnnxWriter {
 public:
  /// What is known of values.
  struct Known {
    std::function<const Shape*(const std::string&)> shape;  ///< nullptr where it is not known
    std::function<bool(const std::string&)> is_zero;        ///< a constant of zeros alone
    std::function<bool(const std::string&)> is_constant;
    std::function<int(const std::string&)> type;  ///< TensorProto.DataType or 0
    /// The elements of a constant of integers or bools; nothing where it is none.
    std::function<std::optional<Shape>(const std::string&)> whole;
    std::function<std::optional<std::vector<double>>(const std::string&)> reals;  ///< of any type
    /// Elements of sequences by name, as far as they are known.
    std::shared_ptr<std::map<std::string, std::vector<std::string>>> sequences =
        std::make_shared<std::map<std::string, std::vector<std::string>>>();
    bool reads_constants = false;  ///< of constants alone; of data no sizes are known
  };
  OnnxWriter(const OnnxNode& of, Known known) : node(of), known_(std::move(known)) {}

  const OnnxNode& node;
  /// Of an operand; empty where it is not known.
  Shape shape(int operand) const;
  bool has(int operand) const { return !node.input(operand).empty(); }
  bool is_zero(int operand) const { return known_.is_zero(node.input(operand)); }
  bool knows_shape(int operand) const { return known_.shape(node.input(operand)) != nullptr; }
  int type(int operand) const { return known_.type(node.input(operand)); }
  bool is_bool(int operand) const { return type(operand) == onnx::TensorProto::BOOL; }
  std::optional<Shape> whole(int operand) const { return known_.whole(node.input(operand)); }
  std::optional<std::vector<double>> reals(int operand) const {
    return known_.reals(node.input(operand));
  }
  bool is_constant(const std::string& value) const { return known_.is_constant(value); }
  bool reads_constants() const { return known_.reads_constants; }

  /// The elements of a sequence; nullptr where it is none.
  const std::vector<std::string>* sequence(int operand) const {
    const auto found = known_.sequences->find(node.input(operand));
    return found == known_.sequences->end() ? nullptr : &found->second;
  }
  /// The node's output is a sequence of these, and the node nothing else.
  void yield_sequence(std::vector<std::string> elements) {
    (*known_.sequences)[node.output()] = std::move(elements);
    is_sequence = true;
  }

  /// Appends a node; its output is `part` of this one, or this one's output itself where `part` is
  /// empty. Returns the output's name.
  std::string add(const std::string& op, const std::vector<std::string>& inputs,
                  const std::string& part = "");
  /// Attributes of the node that was appended last.
  OnnxWriter& with(const char* name, std::int64_t value);
  OnnxWriter& with(const char* name, const Shape& values);
  OnnxWriter& with(const char* name, const std::string& value);
  OnnxWriter& with(const char* name, double value);
  OnnxWriter& in_domain(const char* domain);
  /// Renames the output that was appended last.
  std::string to_output(int output);
  /// Constants that follow from the node and from other constants alone; the float has the type of
  /// the first operand.
  std::string number(const std::string& part, double value);
  std::string integers(const std::string& part, const Shape& values);
  /// Constants that follow from the sizes of data as well: one axis of int64 (or int32), or
  /// elements of that type and shape.
  std::string sized(const std::string& part, const Shape& values, bool narrow = false);
  std::string sized_of(int type, const std::string& part, const Shape& values, const Shape& shape);
  std::string sized_reals(const std::string& part, const std::vector<double>& values,
                          const Shape& shape);
  std::string scalar(const std::string& part, double value, int type);
  /// Fails where a constant of that shape would be larger than kMostMade.
  void check_made(const Shape& shape) const;
  /// An attribute of 1..65536; fails for others.
  std::int64_t count(const char* attribute) const;
  /// The size of an operand's axis; fails where it has none.
  std::int64_t size(int operand, std::size_t axis) const;
  /// The elements in another shape that follows from sizes of data.
  std::string reshaped(const std::string& x, const Shape& shape, const std::string& part);
  std::string name(const std::string& part) const;
  bool knows(const std::string& part) const;  ///< it was appended already

  std::deque<onnx::NodeProto> nodes;
  bool is_sequence = false;  ///< yield_sequence()

 private:
  std::string constant(const std::string& part, onnx::TensorProto value, bool is_sized);

  Known known_;
};

/// Elements of a constant that an expansion makes.
constexpr std::int64_t kMostMade = std::int64_t{1} << 20;

/// [first, end); fails for more than kMostMade.
inline Shape counted(std::int64_t first, std::int64_t end) {
  if (end - first > kMostMade)
    throw input_error("an axis is too long for a constant of its places");
  Shape all;
  for (std::int64_t i = first; i < end; ++i) all.push_back(i);
  return all;
}

struct OnnxExpansion {
  const char* domain;  ///< "" is ONNX's own
  const char* op_type;
  const char* attributes;  ///< as those of an OnnxRule, which it may have beside these
  /// Where it adds nothing, the node stays as it is.
  void (*expand)(OnnxWriter& writer);
};

/// The rows, by what they are of; together they are onnx_expansions().
std::vector<OnnxExpansion> onnx_attention_expansions();
std::vector<OnnxExpansion> onnx_bit_expansions();
std::vector<OnnxExpansion> onnx_logic_expansions();
std::vector<OnnxExpansion> onnx_norm_expansions();
std::vector<OnnxExpansion> onnx_place_expansions();
std::vector<OnnxExpansion> onnx_product_expansions();
std::vector<OnnxExpansion> onnx_recurrent_expansions();
std::vector<OnnxExpansion> onnx_loop_expansions();
std::vector<OnnxExpansion> onnx_loss_expansions();
std::vector<OnnxExpansion> onnx_resample_expansions();
std::vector<OnnxExpansion> onnx_sequence_expansions();
std::vector<OnnxExpansion> onnx_signal_expansions();
std::vector<OnnxExpansion> onnx_volume_expansions();
std::vector<OnnxExpansion> onnx_window_expansions();
void expand_volume_max_pool(OnnxWriter& writer);  ///< without places
void expand_einsum(OnnxWriter& writer);
const std::vector<OnnxExpansion>& onnx_expansions();
/// nullptr for operators that are what they are.
const OnnxExpansion* find_onnx_expansion(const OnnxNode& node);

/// Visits the nodes that stand for this one, none of which can be expanded; each is visited before
/// those behind it are expanded, which need its sizes. Of a node that is computed from constants
/// alone, itself.
void expand_onnx(onnx::NodeProto proto, const std::string& file, int opset,
                 const OnnxWriter::Known& known,
                 const std::function<void(onnx::NodeProto&&)>& visit);

}  // namespace bitjoule
