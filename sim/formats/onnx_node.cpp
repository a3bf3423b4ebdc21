#include "sim/formats/onnx_node.h"

#include <fmt/format.h>

#include "core/error.h"

namespace bitjoule {
namespace {

const std::string kNothing;

}  // namespace

const std::string& OnnxNode::input(int index) const {
  return index < proto_.input_size() ? proto_.input(index) : kNothing;
}

const std::string& OnnxNode::output(int index) const {
  return index < proto_.output_size() ? proto_.output(index) : kNothing;
}

const onnx::AttributeProto* OnnxNode::find(const char* attribute) const {
  for (const onnx::AttributeProto& a : proto_.attribute())
    if (a.name() == attribute) return &a;
  return nullptr;
}

std::int64_t OnnxNode::integer(const char* attribute, std::int64_t otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : a->i();
}

double OnnxNode::real(const char* attribute, double otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : double{a->f()};
}

std::string OnnxNode::text(const char* attribute, const std::string& otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : a->s();
}

Shape OnnxNode::integers(const char* attribute, const Shape& otherwise) const {
  const onnx::AttributeProto* a = find(attribute);
  return a == nullptr ? otherwise : Shape(a->ints().begin(), a->ints().end());
}

std::int64_t OnnxNode::settled_axis(std::int64_t axis, std::size_t rank) const {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r)
    fail(fmt::format("axis {} is out of range: there are {} axes", axis, rank));
  return axis < 0 ? axis + r : axis;
}

std::string OnnxNode::label() const {
  if (!proto_.name().empty()) return proto_.name();
  return proto_.output_size() > 0 ? "-> " + proto_.output(0) : "";
}

void OnnxNode::fail(const std::string& what) const {
  throw input_error(
      fmt::format("{}: node \"{}\" ({}-{}): {}", file_, label(), proto_.op_type(), opset_, what));
}

}  // namespace bitjoule
