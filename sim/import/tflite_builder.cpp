#include "sim/import/tflite_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace bitjoule {

const TfliteTensor& TfliteNode::input(int i) const {
  if (!has(i)) fail(fmt::format("operand {} is missing", i));
  return model_.tensors[at(op_.inputs[at(i)])];
}

const TfliteTensor& TfliteNode::output(int i) const {
  if (i >= outputs()) fail(fmt::format("result {} is missing", i));
  return model_.tensors[at(op_.outputs[at(i)])];
}

const TfliteTable* TfliteNode::checked_options(int type) const {
  if (!op_.options) return nullptr;
  if (op_.options_type != type)
    fail(fmt::format("its options are those of another operator ({}, not {})", op_.options_type,
                     type));
  return &*op_.options;
}

Shape TfliteNode::integers(int input) const {
  const TfliteTensor& tensor = this->input(input);
  if (!tensor.is_constant()) fail(fmt::format("operand \"{}\" must be a constant", tensor.name));
  if (volume_of(tensor.shape) > 1024)
    fail(fmt::format("operand \"{}\" has more than 1024 elements", tensor.name));
  return to_integers(stored_tflite(model_, tensor));
}

std::int64_t TfliteNode::settled_axis(std::int64_t axis, std::size_t rank) const {
  const auto axes = static_cast<std::int64_t>(rank);
  if (axis < -axes || axis >= axes)
    fail(fmt::format("axis {} of a tensor with {} axes", axis, rank));
  return axis < 0 ? axis + axes : axis;
}

std::string TfliteNode::activation(int type, int slot) const {
  static const char* const kNames[] = {"NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"};
  const int kind = option<std::uint8_t>(type, slot, 0);
  if (kind == 0) return "";
  if (kind == 1) return "relu";
  if (kind == 2) return "relu_n1_to_1";
  if (kind == 3) return "relu6";
  fail(fmt::format("its activation {} is not supported",
                   kind > 0 && kind < 6 ? kNames[kind] : std::to_string(kind)));
}

std::string TfliteNode::label() const { return op_.outputs.empty() ? op_.name : output().name; }

void TfliteNode::fail(const std::string& what) const {
  throw input_error(
      fmt::format("{}: node \"{}\" ({}): {}", model_.blob.name(), label(), op_.name, what));
}

TfliteBuilder::TfliteBuilder(TfliteModel& model, std::string reference)
    : NetworkBuilder(model.blob.name()), model_(model), reference_(std::move(reference)) {
  for (const std::int32_t input : model.inputs) {
    const TfliteTensor& tensor = model.tensors[static_cast<std::size_t>(input)];
    if (tensor.is_constant()) continue;
    add_input(tensor.name, tensor.shape, tensor.type);
    layers_[tensor.name] = tensor.name;
  }
  count_images();
  network_.requantize = Requantize::kTfliteDoubleRounding;
}

std::string TfliteBuilder::layer_of(const TfliteNode& node, const TfliteTensor& tensor) {
  const auto found = layers_.find(tensor.name);
  if (found != layers_.end()) return found->second;
  if (!tensor.is_constant())
    node.fail(fmt::format("reads \"{}\" before it is produced", tensor.name));
  return load(tensor);
}

std::string TfliteBuilder::load(const TfliteTensor& tensor) {
  if (!tensor.complication.empty() || (tensor.type != "fp32" && !is_integer_type(tensor.type)))
    throw input_error(fmt::format("\"{}\" is a constant of {}, which is not supported", tensor.name,
                                  tensor.complication.empty() ? tensor.type : tensor.complication));
  VectorOp op;
  op.kind = VectorKind::kReshape;
  op.cols = volume_of(tensor.shape);
  op.shape = tensor.shape;
  op.operand_shapes = {tensor.shape};
  NetworkLayer& layer = add_step(tensor.name + ".stored", op, {kOperandInput});
  layer.tensors["operand"] = source(tensor);
  set_formats(tensor, layer);
  loaded_[layer.name] = &tensor;
  return layers_[tensor.name] = layer.name;
}

TensorSource TfliteBuilder::source(const TfliteTensor& tensor, const char* part,
                                   TensorLayout layout) const {
  TensorSource source;
  source.layout = layout;
  const std::string name = part;
  if (computed_.count(tensor.name) == 0 || name == ".scale" || name == ".zero_point") {
    source.file = reference_;
    source.tensor = (tensor.origin.empty() ? tensor.name : tensor.origin) + name;
    return source;
  }
  if (!name.empty())
    throw input_error(
        fmt::format("\"{}\" is computed of constants, which is not supported here", tensor.name));
  const StoredTensor stored = stored_tflite(model_, tensor);
  source.integers = is_integer_type(tensor.type);
  for (const float value : to_floats(stored)) source.values.push_back(static_cast<double>(value));
  return source;
}

void TfliteBuilder::set_formats(const TfliteTensor& like, NetworkLayer& layer) const {
  if (!is_integer_type(like.type) || layer.precision.output) return;
  if (is_code_type(like.type)) {
    layer.precision.output = code_format(like.type, false, is_symmetric(like));
  } else {  // 32 bits
    layer.precision.output = TensorFormat{};
    layer.precision.output->format = "fp32";
  }
  if (!layer.precision.activations && std::holds_alternative<VectorOp>(layer.op))
    layer.precision.activations = layer.precision.output;
}

NetworkLayer& TfliteBuilder::add(const TfliteNode& node, NetworkOp op,
                                 std::vector<std::string> inputs, int output) {
  const TfliteTensor& tensor = node.output(output);
  if (tensor.is_constant() || !layers_.emplace(tensor.name, tensor.name).second)
    node.fail(fmt::format("produces \"{}\", which exists already", tensor.name));
  NetworkLayer& layer = add_step(tensor.name, std::move(op), std::move(inputs));
  if (output_elements(layer) != volume_of(tensor.shape))
    node.fail(fmt::format("\"{}\" has {} elements, the layer {}", tensor.name,
                          volume_of(tensor.shape), output_elements(layer)));
  set_formats(tensor, layer);
  return layer;
}

NetworkLayer& TfliteBuilder::add_part(const TfliteNode& node, const std::string& name,
                                      const VectorOp& op, std::vector<std::string> inputs) {
  NetworkLayer& layer = add_step(name, op, std::move(inputs));
  set_formats(node.output(), layer);
  return layer;
}

NetworkLayer& TfliteBuilder::add_coded_part(const std::string& name, const NetworkOp& op,
                                            std::vector<std::string> inputs,
                                            const TfliteTensor& like) {
  NetworkLayer& layer = add_step(name, op, std::move(inputs));
  set_formats(like, layer);
  return layer;
}

void TfliteBuilder::add_state(const TfliteNode& node, const TfliteTensor& tensor,
                              const std::string& next) {
  if (!tensor.is_variable || tensor.is_constant())
    node.fail(fmt::format("\"{}\": expected a variable", tensor.name));
  if (!layers_.emplace(tensor.name, tensor.name).second)
    node.fail(fmt::format("\"{}\" is the state of another operator, too", tensor.name));
  add_input(tensor.name, tensor.shape, tensor.type);
  NetworkInput& input = network_.inputs.back();
  input.next = next;
  input.initial = is_code(tensor) ? static_cast<double>(scale_of(node, tensor).zero_point) : 0;
}

void TfliteBuilder::settle_shapes(const TfliteNode& node) {
  for (int i = 0; i < node.outputs(); ++i) {
    TfliteTensor& tensor =
        model_.tensors[static_cast<std::size_t>(node.raw().outputs[static_cast<std::size_t>(i)])];
    for (int k = 0; k < node.inputs(); ++k)
      if (node.has(k) && (node.input(k).is_open || computed_.count(node.input(k).name) != 0))
        tensor.is_open = true;
    if (!tensor.is_open || tensor.is_constant()) continue;
    std::optional<Shape> shape = tflite_shape(node, i);
    if (!shape) continue;
    volume_of(*shape);  // fails for sizes below 0, and too large ones
    tensor.shape = std::move(*shape);
  }
}

bool TfliteBuilder::has_layer(const std::string& name) const {
  return std::any_of(network_.layers.begin(), network_.layers.end(),
                     [&](const NetworkLayer& layer) { return layer.name == name; });
}

void TfliteBuilder::name_output(const TfliteNode& node, const std::string& layer) {
  if (!layers_.emplace(node.output().name, layer).second)
    node.fail(fmt::format("produces \"{}\", which exists already", node.output().name));
}

void TfliteBuilder::leave_out(const TfliteNode& node) {
  for (int i = 0; i < node.outputs(); ++i) {
    const TfliteTensor& tensor = node.output(i);
    add_input(tensor.name, tensor.shape, tensor.type);
    layers_[tensor.name] = tensor.name;
  }
}

void TfliteBuilder::add_outputs() {
  settle_variables();
  for (const std::int32_t index : model_.outputs) {
    const TfliteTensor& tensor = model_.tensors[static_cast<std::size_t>(index)];
    const auto found = layers_.find(tensor.name);
    if (found == layers_.end() && !tensor.is_constant())
      throw input_error(
          fmt::format("{}: output \"{}\" is never produced", model_.blob.name(), tensor.name));
    add_output(found == layers_.end() ? load(tensor) : found->second, tensor.name, tensor.shape,
               tensor.type);
  }
}

bool are_integers(const std::vector<const TfliteTensor*>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [&](const TfliteTensor* tensor) {
    const bool is_plain =
        tensor->type == "int32" || tensor->type == "int64" || tensor->type == "bool";
    return is_plain && tensor->scales.count == 0 && tensor->complication.empty() &&
           tensor->type == tensors.front()->type;
  });
}

VectorOp whole_op(VectorKind kind, const TfliteTensor& tensor) {
  VectorOp op;
  op.kind = kind;
  op.cols = volume_of(tensor.shape);
  return op;
}

VectorOp broadcast_op(VectorKind kind, const TfliteTensor& result,
                      const std::vector<const TfliteTensor*>& operands) {
  VectorOp op = whole_op(kind, result);
  op.shape = result.shape;
  for (const TfliteTensor* operand : operands) op.operand_shapes.push_back(operand->shape);
  return op;
}

bool is_code(const TfliteTensor& tensor) {
  return tensor.scales.count > 0 && is_integer_type(tensor.type);
}

CodeScale scale_of(const TfliteNode& node, const TfliteTensor& tensor) {
  if (tensor.scales.count != 1)
    node.fail(fmt::format("\"{}\": expected one scale, got {}", tensor.name, tensor.scales.count));
  CodeScale scale{static_cast<double>(tensor.scales[0]),
                  tensor.zero_points.count > 0 ? tensor.zero_points[0] : 0};
  if (!(scale.scale > 0) || !std::isfinite(scale.scale))
    node.fail(fmt::format("\"{}\": expected a positive scale, got {}", tensor.name, scale.scale));
  if (scale.zero_point < INT16_MIN || scale.zero_point > INT16_MAX)
    node.fail(fmt::format("\"{}\": zero-point {}", tensor.name, scale.zero_point));
  return scale;
}

bool is_symmetric(const TfliteTensor& tensor) {
  for (std::size_t i = 0; i < tensor.zero_points.count; ++i)
    if (tensor.zero_points[i] != 0) return false;
  return true;
}

void set_affine(TfliteBuilder& builder, NetworkLayer& layer, const std::string& role,
                const TfliteTensor& tensor) {
  layer.tensors[role + "_scale"] = builder.source(tensor, ".scale");
  if (tensor.zero_points.count > 0)
    layer.tensors[role + "_zero_point"] = builder.source(tensor, ".zero_point");
}

bool is_code_type(const std::string& type) {
  return type == "int8" || type == "uint8" || type == "int16";
}

bool same_scale(const TfliteTensor& a, const TfliteTensor& b) {
  const auto zero = [](const TfliteTensor& t) {
    return t.zero_points.count > 0 ? t.zero_points[0] : 0;
  };
  return a.type == b.type && a.scales.count == b.scales.count &&
         (a.scales.count == 0 || (a.scales[0] == b.scales[0] && zero(a) == zero(b)));
}

bool computes_codes(const TfliteNode& node, const std::vector<const TfliteTensor*>& tensors) {
  const bool real = tensors.front()->type == "fp32";
  for (const TfliteTensor* tensor : tensors) {
    if (!tensor->complication.empty())
      node.fail(
          fmt::format("\"{}\" is {}, which is not supported", tensor->name, tensor->complication));
    const bool fits = real ? tensor->type == "fp32"
                           : is_code(*tensor) && is_code_type(tensor->type) &&
                                 tensor->type == tensors.front()->type;
    if (!fits)
      node.fail(fmt::format(
          "\"{}\" is {}{}: supported are tensors of int8, uint8 or int16 with a scale, or of "
          "fp32, all alike",
          tensor->name, tensor->type,
          is_integer_type(tensor->type) && !is_code(*tensor) ? " without a scale" : ""));
  }
  return !real;
}

void set_windows(const TfliteNode& node, int options, const TfliteTensor& image,
                 std::int64_t kernel_h, std::int64_t kernel_w, Conv2d& to) {
  const bool is_pool = options == 5;
  const int dilation = options == 1 ? 4 : 5;  // CONV_2D or DEPTHWISE_CONV_2D
  const int padding = node.option<std::uint8_t>(options, 0, 0);
  if (padding != 0 && padding != 1) node.fail(fmt::format("padding {}", padding));
  if (image.shape.size() != 4) node.fail("expected an image with 4 axes");
  to.batch = image.shape[0];
  to.height = image.shape[1];
  to.width = image.shape[2];
  to.channels = image.shape[3];
  to.kernel_h = kernel_h;
  to.kernel_w = kernel_w;
  to.stride_w = node.option<std::int32_t>(options, 1, 0);
  to.stride_h = node.option<std::int32_t>(options, 2, 0);
  if (!is_pool) {
    to.dilation_w = node.option<std::int32_t>(options, dilation, 1);
    to.dilation_h = node.option<std::int32_t>(options, dilation + 1, 1);
  }
  for (const std::int64_t size :
       {to.batch, to.height, to.width, to.channels, to.kernel_h, to.kernel_w, to.stride_h,
        to.stride_w, to.dilation_h, to.dilation_w})
    if (size < 1 || size > INT32_MAX) node.fail("expected positive sizes, strides and dilations");
  if (padding != 0) return;
  const auto pad = [](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                      std::int64_t dilate, std::int64_t& before, std::int64_t& after) {
    const std::int64_t reach = (kernel - 1) * dilate + 1, out = (size + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>((out - 1) * stride + reach - size, 0);
    before = total / 2;
    after = total - before;
  };
  pad(to.height, to.kernel_h, to.stride_h, to.dilation_h, to.pad_top, to.pad_bottom);
  pad(to.width, to.kernel_w, to.stride_w, to.dilation_w, to.pad_left, to.pad_right);
}

}  // namespace bitjoule
