#include "sim/import/onnx_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/numeric/stored_tensor.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {

void set_windows(const std::vector<OnnxWindow>& down_and_across, Conv2d& to) {
  const OnnxWindow &down = down_and_across[0], &across = down_and_across[1];
  to.height = down.size;
  to.width = across.size;
  to.kernel_h = down.kernel;
  to.kernel_w = across.kernel;
  to.stride_h = down.stride;
  to.stride_w = across.stride;
  to.dilation_h = down.dilation;
  to.dilation_w = across.dilation;
  to.pad_top = down.before;
  to.pad_left = across.before;
  to.pad_bottom = down.after + down.beyond;
  to.pad_right = across.after + across.beyond;
}

OnnxBuilder::OnnxBuilder(const OnnxGraph& graph, std::string reference)
    : NetworkBuilder(graph.file()), graph_(graph), reference_(std::move(reference)) {
  for (const std::string& name : graph.inputs())
    if (const Shape* shape = graph.shape(name)) add_input(name, *shape);
  count_images();
  // Read by nobody any more, but the network still has them.
  for (const auto& [name, file] : graph.bound())
    NetworkBuilder::add_input(name, *graph.shape(name), type_of(name));
}

std::string OnnxBuilder::type_of(const std::string& name) const {
  const StoredType* type = find_onnx_type(graph_.type(name));
  if (type == nullptr) return "";
  // Floats of 8 bits come and go as what they stand for.
  const bool narrow = type->onnx == kOnnxFloat8E4m3 || type->onnx == kOnnxFloat8E5m2;
  return narrow ? "fp32" : type->format;
}

void OnnxBuilder::add_input(const std::string& name, const Shape& shape) {
  NetworkBuilder::add_input(name, shape, type_of(name));
  OnnxValue value;
  value.layer = name;
  value.shape = shape;
  values_[name] = value;
}

const OnnxValue& OnnxBuilder::value(const std::string& name) const {
  static const OnnxValue kConstant = [] {
    OnnxValue value;
    value.kind = OnnxValue::Kind::kConstant;
    return value;
  }();
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  if (graph_.is_constant(name)) return kConstant;
  throw input_error(fmt::format("the shape of \"{}\" is not known", name));
}

bool OnnxBuilder::is_data(const std::string& name) const {
  return !name.empty() && value(name).kind == OnnxValue::Kind::kLayer;
}

const Shape& OnnxBuilder::shape(const OnnxNode& node, const std::string& name) const {
  const auto found = values_.find(name);
  if (found != values_.end() && found->second.kind == OnnxValue::Kind::kLayer)
    return found->second.shape;
  const Shape* shape = graph_.shape(name);
  if (shape == nullptr) node.fail(fmt::format("the shape of \"{}\" is not known", name));
  return *shape;
}

std::string OnnxBuilder::carry_out(const std::string& name) {
  OnnxValue& value = values_.at(name);
  if (!value.dequantized) return value.layer;
  const OnnxDequantized pending = *value.dequantized;
  VectorOp op;
  op.kind = VectorKind::kDequantizeLinear;
  op.cols = volume_of(value.shape);
  op.shape = value.shape;
  op.axes = {pending.axis};
  op.operand_shapes = {op.shape};
  const bool stored = !is_data(pending.codes);
  NetworkLayer& layer =
      add_step(name, op, {stored ? std::string(kOperandInput) : plain(pending.codes)});
  if (stored) layer.tensors["operand"] = source(pending.codes);
  layer.tensors["input_scale"] = source(pending.scale);
  if (!pending.zero_point.empty()) layer.tensors["input_zero_point"] = source(pending.zero_point);
  OnnxValue& done = values_.at(name);
  done.dequantized.reset();
  done.layer = name;
  done.channels_last = false;
  done.reordered.clear();
  return name;
}

std::string OnnxBuilder::reordered(const std::string& name) {
  OnnxValue& value = values_.at(name);
  if (!value.reordered.empty()) return value.reordered;
  const bool to_last = !value.channels_last;
  const Shape last = permuted(value.shape, channel_axes(value.shape.size(), true));
  VectorOp op;
  op.kind = VectorKind::kTranspose;
  op.operand_shapes = {to_last ? value.shape : last};
  op.shape = to_last ? last : value.shape;
  op.axes = channel_axes(value.shape.size(), to_last);
  op.cols = volume_of(op.shape);
  value.reordered = name + (to_last ? ".channels_last" : ".channels_first");
  add_step(value.reordered, op, {value.layer});
  return value.reordered;
}

std::string OnnxBuilder::channels_last(const std::string& name) {
  const std::string layer = in_any_order(name);
  const OnnxValue& v = value(name);
  return v.channels_last || v.shape.size() < 3 ? layer : reordered(name);
}

std::string OnnxBuilder::plain(const std::string& name) {
  const std::string layer = in_any_order(name);
  return value(name).channels_last ? reordered(name) : layer;
}

std::string OnnxBuilder::in_any_order(const std::string& name) {
  if (!is_data(name)) load(name);
  return carry_out(name);
}

void OnnxBuilder::load(const std::string& name) {
  const Shape* shape = graph_.shape(name);
  if (shape == nullptr) throw input_error(fmt::format("the shape of \"{}\" is not known", name));
  const TensorSource values = source(name);
  OnnxValue value;
  value.shape = *shape;
  value.layer = name + ".stored";
  VectorOp op;
  op.kind = VectorKind::kReshape;
  op.cols = volume_of(*shape);
  op.operand_shapes = {*shape};
  add_step(value.layer, op, {kOperandInput}).tensors["operand"] = values;
  values_[name] = std::move(value);
}

StoredTensor OnnxBuilder::constant(const OnnxNode& node, const std::string& name) const {
  if (!graph_.is_constant(name)) node.fail(fmt::format("operand \"{}\" must be a constant", name));
  return graph_.value(name);
}

Shape OnnxBuilder::integers(const OnnxNode& node, const std::string& name) const {
  return to_integers(constant(node, name));
}

std::vector<float> OnnxBuilder::floats(const OnnxNode& node, const std::string& name) const {
  return to_floats(constant(node, name));
}

void OnnxBuilder::check_scale(const OnnxNode& node, const std::string& name) const {
  if (!graph_.is_constant(name)) return;
  for (const float scale : floats(node, name))
    if (scale < 0 || !std::isfinite(scale))
      node.fail(fmt::format("scale \"{}\": expected positive numbers, got {}", name, scale));
}

TensorSource OnnxBuilder::source(const std::string& name, TensorLayout layout) {
  TensorSource source;
  source.layout = layout;
  if (is_data(name)) {
    source.input = plain(name);
  } else {
    source.file = graph_.file_of(name);
    if (source.file.empty() && graph_.is_sized(name)) return given(name, layout);
    if (source.file.empty()) {
      source.file = reference_;
      source.tensor = name;
    }
  }
  return source;
}

/// What follows from the sizes of inputs is in no file: the network holds it.
TensorSource OnnxBuilder::given(const std::string& name, TensorLayout layout) const {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  const StoredTensor tensor = graph_.value(name);
  if (tensor.elements() > kMost)
    throw input_error(fmt::format(
        "\"{}\" is computed from the sizes of inputs and has more than {} elements; export the "
        "model with fixed sizes and constants folded",
        name, kMost));
  TensorSource source;
  source.layout = layout;
  source.integers = is_integer_type(tensor.type->format);
  if (source.integers) {
    // What stands for "to the end" is beyond the machine's integers.
    for (const std::int64_t value : to_integers(tensor))
      source.values.push_back(
          static_cast<double>(std::clamp<std::int64_t>(value, INT32_MIN, INT32_MAX)));
  } else {
    const std::vector<float> values = to_floats(tensor);
    source.values.assign(values.begin(), values.end());
  }
  return source;
}

NetworkLayer& OnnxBuilder::add(const OnnxNode& node, NetworkOp op, std::vector<std::string> inputs,
                               bool channels_last) {
  OnnxValue value;
  value.layer = node.output();
  value.shape = shape(node, node.output());
  value.channels_last = channels_last;
  NetworkLayer& layer = add_step(node.output(), std::move(op), std::move(inputs));
  if (output_elements(layer) != volume_of(value.shape))
    node.fail(fmt::format("its output has {} elements, the layer {}", volume_of(value.shape),
                          output_elements(layer)));
  values_[node.output()] = std::move(value);
  return layer;
}

void OnnxBuilder::alias(const OnnxNode& node, const std::string& name) {
  OnnxValue value = this->value(name);
  if (value.kind == OnnxValue::Kind::kLayer) value.shape = shape(node, node.output());
  values_[node.output()] = std::move(value);
}

NetworkLayer* OnnxBuilder::fusable(const std::string& name) {
  if (!is_data(name) || graph_.readers(name) != 1 || value(name).dequantized) return nullptr;
  if (network_.layers.empty()) return nullptr;
  NetworkLayer& layer = network_.layers.back();
  const bool follows = layer.name == value(name).layer && !layer.accumulators &&
                       !layer.precision.output && !std::holds_alternative<VectorOp>(layer.op);
  return follows ? &layer : nullptr;
}

Network OnnxBuilder::take() {
  const bool only_names = network_.layers.empty();  // results are operands: copies of them
  for (const auto& proto : graph_.proto().output()) {
    const std::string& name = proto.name();
    const Shape* shape = graph_.shape(name);
    if (shape == nullptr || volume_of(*shape) == 0)
      throw input_error(fmt::format("{}: output \"{}\" has no elements", graph_.file(), name));
    std::string layer = plain(name);
    if (only_names && is_data(name)) {
      VectorOp copy;
      copy.kind = VectorKind::kReshape;
      copy.cols = volume_of(*shape);
      layer = add_step(fmt::format("{}.copy", layer), copy, {layer}).name;
    }
    add_output(layer, name, *shape, type_of(name));
  }
  return NetworkBuilder::take();
}

}  // namespace bitjoule
