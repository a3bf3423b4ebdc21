// An ONNX graph ready for import: sizes settled, shapes inferred, order and names checked.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/formats/onnx_node.h"
#include "sim/formats/onnx_values.h"
#include "sim/import/import.h"

namespace bitjoule {

class OnnxGraph {
 public:
  /// Whether an operator becomes layers.
  using Supported = bool (*)(const OnnxNode& node);

  /// Throws an input Error for damaged models, open sizes, cycles and doubled names, for operators
  /// that are not supported (all at once, unless they are to be left out), and for nodes whose
  /// operands or attributes do not fit.
  OnnxGraph(const Blob& blob, const ImportOptions& options, Supported supported);

  const std::string& file() const { return file_; }
  const onnx::GraphProto& proto() const { return model_.graph(); }
  int opset() const { return opset_; }
  OnnxNode node(const onnx::NodeProto& proto) const { return {proto, file_, opset_}; }
  /// The inputs that are no initializers.
  std::vector<std::string> inputs() const;
  /// Inputs that were taken as constants.
  const std::map<std::string, std::string>& bound() const { return bound_; }
  /// Known without data: stored, or computed from constants and shapes.
  bool is_constant(const std::string& name) const;
  /// Whether a constant follows from the sizes of inputs, so that no file holds it.
  bool is_sized(const std::string& name) const;
  /// The value of a constant.
  StoredTensor value(const std::string& name) const { return values_.value(name); }
  OnnxOperands operands(const OnnxNode& node) const { return values_.operands(node); }
  /// Where a constant's values lie, if not in the model: the .pb file it was bound to.
  std::string file_of(const std::string& constant) const;
  /// Nullptr where it is not known.
  const Shape* shape(const std::string& name) const;
  /// TensorProto.DataType; 0 where it is not known.
  int type(const std::string& name) const;
  /// How many nodes that run, and graph outputs, read the value.
  int readers(const std::string& name) const;
  /// Whether the node is left out, because its operator is not supported.
  bool is_left_out(const onnx::NodeProto& proto) const { return left_out_.count(&proto) != 0; }
  /// What was left out or not used, a line each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void bind_constants(const ImportOptions& options);
  void settle_sizes(const ImportOptions& options);
  void check_order() const;
  void find_unsupported(bool skip, Supported supported);
  void infer();
  void infer(const onnx::NodeProto& node);
  void refuse_empty(const OnnxNode& node) const;
  void leave_out(const OnnxNode& node);
  void compare_declared();
  const onnx::ValueInfoProto* declared(const std::string& name) const;

  std::string file_;
  onnx::ModelProto model_;
  int opset_ = 0;
  std::map<std::string, std::string> bound_;
  OnnxValues values_;
  std::map<std::string, int> readers_;
  std::map<std::string, const onnx::ValueInfoProto*> declared_;
  std::set<const onnx::NodeProto*> left_out_;
  std::vector<std::string> notes_;
};

}  // namespace bitjoule
