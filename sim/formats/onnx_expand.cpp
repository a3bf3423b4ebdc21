#include "sim/formats/onnx_expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace bitjoule {
namespace {

onnx::AttributeProto& new_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

}  // namespace

Shape OnnxWriter::shape(int operand) const {
  const Shape* found = known_.shape(node.input(operand));
  return found == nullptr ? Shape() : *found;
}

std::string OnnxWriter::name(const std::string& part) const {
  for (int i = 0; i < node.outputs(); ++i)
    if (!node.output(i).empty()) return node.output(i) + "." + part;
  return part;
}

std::string OnnxWriter::add(const std::string& op, const std::vector<std::string>& inputs,
                            const std::string& part) {
  onnx::NodeProto& added = nodes.emplace_back();
  added.set_op_type(op);
  added.set_name(node.label());
  for (const std::string& input : inputs) added.add_input(input);
  std::string output = part.empty() ? node.output() : name(part);
  added.add_output(output);
  return output;
}

OnnxWriter& OnnxWriter::with(const char* key, std::int64_t value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::INT).set_i(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, const Shape& values) {
  onnx::AttributeProto& attribute = new_attribute(nodes.back(), key, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, const std::string& value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::STRING).set_s(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, double value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(value));
  return *this;
}
OnnxWriter& OnnxWriter::in_domain(const char* domain) {
  nodes.back().set_domain(domain);
  return *this;
}

std::string OnnxWriter::to_output(int output) {
  nodes.back().set_output(0, node.output(output));
  return node.output(output);
}

std::string OnnxWriter::number(const std::string& part, double value) {
  if (knows(part)) return name(part);
  add("Constant", {}, part);
  with("value_float", value);
  return name(part);
}

bool OnnxWriter::knows(const std::string& part) const {
  return std::any_of(nodes.begin(), nodes.end(), [output = name(part)](const onnx::NodeProto& n) {
    return n.output(0) == output;
  });
}

std::string OnnxWriter::integers(const std::string& part, const Shape& values) {
  add("Constant", {}, part);
  with("value_ints", values);
  return name(part);
}

const std::vector<OnnxExpansion>& onnx_expansions() {
  static const std::vector<OnnxExpansion> kRows = [] {
    std::vector<OnnxExpansion> all = onnx_norm_expansions();
    for (const auto& rows : {onnx_product_expansions(), onnx_recurrent_expansions()})
      all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }();
  return kRows;
}

const OnnxExpansion* find_onnx_expansion(const OnnxNode& node) {
  const std::string& domain = node.proto().domain();
  for (const OnnxExpansion& row : onnx_expansions())
    if (node.op() == row.op_type && (*row.domain == '\0' ? node.standard() : domain == row.domain))
      return &row;
  return nullptr;
}

std::deque<onnx::NodeProto> expanded_onnx(const onnx::NodeProto& proto, const std::string& file,
                                          int opset, const OnnxWriter::Known& known) {
  const OnnxNode node(proto, file, opset);
  const OnnxExpansion* row = find_onnx_expansion(node);
  if (row == nullptr) return {proto};
  OnnxWriter writer(node, known);
  row->expand(writer);
  std::deque<onnx::NodeProto> all;
  for (const onnx::NodeProto& part : writer.nodes)
    for (onnx::NodeProto& one : expanded_onnx(part, file, opset, known))
      all.push_back(std::move(one));
  return all;
}

}  // namespace bitjoule
