// One node of an ONNX graph with its attributes; errors name it.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sim/formats/shape.h"

namespace bitjoule {

/// Of operators that stand in no file: one step of a recurrent layer (onnx_expand.h).
constexpr const char* kOwnDomain = "bitjoule";

class OnnxNode {
 public:
  OnnxNode(const onnx::NodeProto& proto, const std::string& file, int opset)
      : proto_(proto), file_(file), opset_(opset) {}

  const onnx::NodeProto& proto() const { return proto_; }
  const std::string& op() const { return proto_.op_type(); }
  const std::string& file() const { return file_; }
  int opset() const { return opset_; }
  /// Of ONNX itself, not of an extension.
  bool standard() const {
    return proto_.domain().empty() || proto_.domain() == "ai.onnx" || proto_.domain() == kOwnDomain;
  }
  /// Empty where the node has no such operand.
  const std::string& input(int index) const;
  const std::string& output(int index = 0) const;
  int inputs() const { return proto_.input_size(); }
  int outputs() const { return proto_.output_size(); }

  bool has(const char* attribute) const { return find(attribute) != nullptr; }
  const onnx::AttributeProto* find(const char* attribute) const;
  std::int64_t integer(const char* attribute, std::int64_t otherwise) const;
  double real(const char* attribute, double otherwise) const;
  std::string text(const char* attribute, const std::string& otherwise) const;
  Shape integers(const char* attribute, const Shape& otherwise = {}) const;
  /// An axis of that many, counted from behind where it is negative; fails outside.
  std::int64_t settled_axis(std::int64_t axis, std::size_t rank) const;
  /// For messages: its name, or what it produces.
  std::string label() const;
  /// Throws an input Error that names file, node, operator and opset.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const onnx::NodeProto& proto_;
  const std::string& file_;
  int opset_;
};

}  // namespace bitjoule
