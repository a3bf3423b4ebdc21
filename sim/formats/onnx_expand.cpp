#include "sim/formats/onnx_expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/numeric/float_formats.h"
#include "sim/formats/onnx_values.h"

namespace bitjoule {
namespace {

onnx::AttributeProto& new_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

/// Elements in the field that onnx.proto has for their type.
onnx::TensorProto tensor_with(int type, const std::vector<double>& values, const Shape& shape) {
  using Proto = onnx::TensorProto;
  Proto tensor;
  tensor.set_data_type(type);
  for (const std::int64_t size : shape) tensor.add_dims(size);
  for (const double value : values) {
    const auto narrow = static_cast<float>(value);
    if (type == Proto::FLOAT)
      tensor.add_float_data(narrow);
    else if (type == Proto::DOUBLE)
      tensor.add_double_data(value);
    else if (type == Proto::FLOAT16 || type == Proto::BFLOAT16)
      tensor.add_int32_data(
          static_cast<std::int32_t>(encode_float(type == Proto::FLOAT16 ? kFp16 : kBf16, narrow)));
    else if (type == Proto::INT64)
      tensor.add_int64_data(static_cast<std::int64_t>(value));
    else if (type == Proto::UINT32 || type == Proto::UINT64)
      tensor.add_uint64_data(static_cast<std::uint64_t>(value));
    else
      tensor.add_int32_data(static_cast<std::int32_t>(value));
  }
  return tensor;
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

std::string OnnxWriter::constant(const std::string& part, onnx::TensorProto value, bool is_sized) {
  if (knows(part)) return name(part);
  add("Constant", {}, part);
  *new_attribute(nodes.back(), "value", onnx::AttributeProto::TENSOR).mutable_t() =
      std::move(value);
  if (is_sized) in_domain(kOwnDomain);
  return name(part);
}

std::string OnnxWriter::number(const std::string& part, double value) {
  const int type = this->type(0);
  const bool is_float = type == onnx::TensorProto::DOUBLE || type == onnx::TensorProto::FLOAT16 ||
                        type == onnx::TensorProto::BFLOAT16;
  return constant(part, tensor_with(is_float ? type : int{onnx::TensorProto::FLOAT}, {value}, {}),
                  true);
}

std::string OnnxWriter::sized(const std::string& part, const Shape& values, bool narrow) {
  return sized_of(narrow ? onnx::TensorProto::INT32 : onnx::TensorProto::INT64, part, values,
                  {static_cast<std::int64_t>(values.size())});
}

std::string OnnxWriter::sized_of(int type, const std::string& part, const Shape& values,
                                 const Shape& shape) {
  return constant(part, tensor_with(type, {values.begin(), values.end()}, shape), true);
}

std::string OnnxWriter::sized_reals(const std::string& part, const std::vector<double>& values,
                                    const Shape& shape) {
  return constant(part, tensor_with(onnx::TensorProto::FLOAT, values, shape), true);
}

std::string OnnxWriter::scalar(const std::string& part, double value, int type) {
  return constant(part, tensor_with(type == 0 ? int{onnx::TensorProto::FLOAT} : type, {value}, {}),
                  true);
}

std::string OnnxWriter::reshaped(const std::string& x, const Shape& shape,
                                 const std::string& part) {
  return add("Reshape", {x, sized(part + "_shape", shape)}, part);
}

void OnnxWriter::check_made(const Shape& shape) const {
  if (volume_of(shape) > kMostMade)
    node.fail(fmt::format("it needs a constant of more than {} elements", kMostMade));
}

std::int64_t OnnxWriter::count(const char* attribute) const {
  constexpr std::int64_t kMost = 65536;
  const std::int64_t value = node.integer(attribute, 0);
  if (value < 1 || value > kMost)
    node.fail(fmt::format("{}: expected 1..{}, got {}", attribute, kMost, value));
  return value;
}

std::int64_t OnnxWriter::size(int operand, std::size_t axis) const {
  const Shape shape = this->shape(operand);
  if (axis >= shape.size()) node.fail(fmt::format("operand {} has too few axes", operand + 1));
  return shape[axis];
}

bool OnnxWriter::knows(const std::string& part) const {
  return std::any_of(nodes.begin(), nodes.end(), [output = name(part)](const onnx::NodeProto& n) {
    return n.output_size() > 0 && n.output(0) == output;
  });
}

std::string OnnxWriter::integers(const std::string& part, const Shape& values) {
  add("Constant", {}, part);
  with("value_ints", values);
  return name(part);
}

const std::vector<OnnxExpansion>& onnx_expansions() {
  static const std::vector<OnnxExpansion> kRows = [] {
    std::vector<OnnxExpansion> all;
    for (const auto& rows :
         {onnx_attention_expansions(), onnx_bit_expansions(), onnx_logic_expansions(),
          onnx_norm_expansions(), onnx_place_expansions(), onnx_product_expansions(),
          onnx_recurrent_expansions(), onnx_loop_expansions(), onnx_loss_expansions(),
          onnx_resample_expansions(), onnx_sequence_expansions(), onnx_signal_expansions(),
          onnx_volume_expansions(), onnx_window_expansions()})
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

namespace {

/// Before the node is written as others, which know nothing of its attributes.
void check_attributes(const OnnxNode& node, const OnnxExpansion& row) {
  std::string known = row.attributes;
  if (const OnnxRule* rule = find_onnx_rule(node)) known += std::string(" ") + rule->attributes;
  std::vector<std::string> notes;  // the rules of what stays give them
  check_onnx_attributes(node, known, notes);
}

}  // namespace

void expand_onnx(onnx::NodeProto proto, const std::string& file, int opset,
                 const OnnxWriter::Known& known,
                 const std::function<void(onnx::NodeProto&&)>& visit) {
  const OnnxNode node(proto, file, opset);
  const OnnxExpansion* row = find_onnx_expansion(node);
  const auto is_constant = [&](const std::string& name) {
    return name.empty() || known.is_constant(name);
  };
  const bool constants = std::all_of(proto.input().begin(), proto.input().end(), is_constant);
  if (row == nullptr || is_computed(node, constants)) return visit(std::move(proto));
  check_attributes(node, *row);
  OnnxWriter writer(node, known);
  try {
    row->expand(writer);
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.kind() != ErrorKind::kInput || message.rfind(file, 0) == 0) throw;
    node.fail(message);
  }
  if (writer.nodes.empty() && !writer.is_sequence) return visit(std::move(proto));
  for (onnx::NodeProto& part : writer.nodes)
    expand_onnx(std::move(part), file, opset, known, visit);
}

}  // namespace bitjoule
