// ONNX operators that are written as nodes of other operators before anything is built: norms,
// recurrent layers, fused ones of com.microsoft. What they read from the file keeps its names;
// what is computed of that is named after the node's output.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "sim/formats/onnx_node.h"

namespace bitjoule {

/// Writes the nodes that stand for one.
class OnnxWriter {
 public:
  /// What is known of values.
  struct Known {
    std::function<const Shape*(const std::string&)> shape;  ///< nullptr where it is not known
    std::function<bool(const std::string&)> is_zero;        ///< a constant of zeros alone
  };
  OnnxWriter(const OnnxNode& of, Known known) : node(of), known_(std::move(known)) {}

  const OnnxNode& node;
  /// Of an operand; empty where it is not known.
  Shape shape(int operand) const;
  bool has(int operand) const { return !node.input(operand).empty(); }
  bool is_zero(int operand) const { return known_.is_zero(node.input(operand)); }

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
  /// Constants.
  std::string number(const std::string& part, double value);
  std::string integers(const std::string& part, const Shape& values);
  std::string name(const std::string& part) const;
  bool knows(const std::string& part) const;  ///< it was appended already

  std::deque<onnx::NodeProto> nodes;

 private:
  Known known_;
};

struct OnnxExpansion {
  const char* domain;  ///< "" is ONNX's own
  const char* op_type;
  void (*expand)(OnnxWriter& writer);
};

/// The rows, by what they are of; together they are onnx_expansions().
std::vector<OnnxExpansion> onnx_norm_expansions();
std::vector<OnnxExpansion> onnx_product_expansions();
std::vector<OnnxExpansion> onnx_recurrent_expansions();
const std::vector<OnnxExpansion>& onnx_expansions();
/// nullptr for operators that are what they are.
const OnnxExpansion* find_onnx_expansion(const OnnxNode& node);

/// The node as others, until none of them can be expanded; the node itself where it cannot.
std::deque<onnx::NodeProto> expanded_onnx(const onnx::NodeProto& proto, const std::string& file,
                                          int opset, const OnnxWriter::Known& known);

}  // namespace bitjoule
