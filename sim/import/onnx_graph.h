// An ONNX graph ready for import: sizes settled, shapes inferred, order and names checked.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <vector>

#include "sim/import/import.h"

namespace bitjoule {

using Shape = std::vector<std::int64_t>;

/// Entry i of an attribute such as strides, or what stands for a missing one.
inline std::int64_t at(const Shape& values, std::size_t i, std::int64_t otherwise) {
  return i < values.size() ? values[i] : otherwise;
}

/// One node with its attributes; errors name it.
class OnnxNode {
 public:
  OnnxNode(const onnx::NodeProto& proto, const std::string& file) : proto_(proto), file_(file) {}

  const std::string& op() const { return proto_.op_type(); }
  /// Empty where the node has no such operand.
  const std::string& input(int index) const;
  const std::string& output(int index = 0) const;
  int inputs() const { return proto_.input_size(); }
  int outputs() const { return proto_.output_size(); }

  bool has(const char* attribute) const { return find(attribute) != nullptr; }
  std::int64_t integer(const char* attribute, std::int64_t otherwise) const;
  double real(const char* attribute, double otherwise) const;
  std::string text(const char* attribute, const std::string& otherwise) const;
  Shape integers(const char* attribute, const Shape& otherwise = {}) const;
  /// For messages: its name, or what it produces.
  std::string label() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const onnx::AttributeProto* find(const char* attribute) const;

  const onnx::NodeProto& proto_;
  const std::string& file_;
};

class OnnxGraph {
 public:
  /// Throws an input Error for damaged models, open sizes, cycles and doubled names.
  OnnxGraph(const Blob& blob, const ImportOptions& options);

  const std::string& file() const { return file_; }
  const onnx::GraphProto& proto() const { return model_.graph(); }
  int opset() const { return opset_; }
  /// The inputs that are no initializers.
  std::vector<std::string> inputs() const;
  /// Inputs that were taken as constants.
  const std::map<std::string, std::string>& bound() const { return bound_; }
  const onnx::TensorProto* constant(const std::string& name) const;
  /// Where a constant's values lie, if not in the model: the .pb file it was bound to.
  std::string file_of(const std::string& constant) const;
  /// Nullptr where inference has not found every size.
  const Shape* shape(const std::string& name) const;
  /// TensorProto.DataType; 0 where it is not known.
  int type(const std::string& name) const;
  /// How many nodes and graph outputs read the value.
  int readers(const std::string& name) const;

 private:
  void bind_constants(const ImportOptions& options);
  void settle_sizes(const ImportOptions& options);
  void check_order() const;
  void infer_shapes();
  void collect_shapes();

  std::string file_;
  onnx::ModelProto model_;
  int opset_ = 0;
  std::map<std::string, std::string> bound_;
  std::map<std::string, const onnx::TensorProto*> constants_;
  std::map<std::string, Shape> shapes_;
  std::map<std::string, int> types_, readers_;
};

}  // namespace bitjoule
