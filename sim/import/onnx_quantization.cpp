// QuantizeLinear and DequantizeLinear: folded into the formats of the layers around them where
// that is possible, else steps of the vector unit.
#include <onnx/onnx_pb.h>

#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

struct IntegerRange {
  const char* format;
  double low, high;
};

IntegerRange range_of(const OnnxNode& node, int type) {
  if (type == onnx::TensorProto::INT8) return {"int8", -128, 127};
  if (type == onnx::TensorProto::UINT8) return {"uint8", 0, 255};
  if (type == onnx::TensorProto::INT16) return {"int16", -32768, 32767};
  if (type == onnx::TensorProto::UINT16) return {"uint16", 0, 65535};
  node.fail("expected integers of 8 or 16 bits");
}

/// The axis that a node's scales lie along; 0 where it has one scale.
std::int64_t axis_of(const OnnxBuilder& builder, const OnnxNode& node, const Shape& shape) {
  if (volume_of(*builder.graph().shape(node.input(1))) == 1) return 0;
  return node.settled_axis(node.integer("axis", 1), shape.size());
}

void quantize(OnnxBuilder& builder, const OnnxNode& node) {
  const std::string& x = node.input(0);
  const std::string& scale = node.input(1);
  const std::string& zero = node.input(2);
  builder.check_scale(node, scale);
  const int type = builder.graph().type(node.output());
  const IntegerRange range = range_of(node, type);
  const bool per_tensor = volume_of(*builder.graph().shape(scale)) == 1;
  const bool constants = !builder.is_data(scale) && (zero.empty() || !builder.is_data(zero));
  const bool is_byte = range.high < 256;
  NetworkLayer* producer = is_byte ? builder.fusable(x) : nullptr;
  if (producer != nullptr && per_tensor && constants) {
    TensorFormat format;
    format.format = range.format;
    format.zero_point = range.format;
    format.symmetric = zero.empty();
    producer->precision.output = format;
    producer->tensors["output_scale"] = builder.source(scale);
    if (!zero.empty()) producer->tensors["output_zero_point"] = builder.source(zero);
    builder.alias(node, x);
    return;
  }
  VectorOp op;
  op.kind = VectorKind::kQuantizeLinear;
  op.shape = builder.shape(node, x);
  op.cols = volume_of(op.shape);
  op.axes = {axis_of(builder, node, op.shape)};
  op.alpha = range.low;
  op.beta = range.high;
  op.operand_shapes = {op.shape};
  const bool stored = !builder.is_data(x);
  const std::string input = stored ? std::string(kOperandInput) : builder.plain(x);
  const TensorSource scale_source = builder.source(scale);
  const TensorSource zero_source = zero.empty() ? TensorSource() : builder.source(zero);
  NetworkLayer& layer = builder.add(node, op, {input}, false);
  if (stored) layer.tensors["operand"] = builder.source(x);
  TensorFormat format;
  format.format = range.format;
  format.symmetric = zero.empty();
  format.zero_point = range.format;
  layer.precision.output = format;
  layer.tensors["output_scale"] = scale_source;
  if (!zero.empty()) layer.tensors["output_zero_point"] = zero_source;
}

/// Left open until a reader needs floats: a convolution or product takes the codes themselves.
void dequantize(OnnxBuilder& builder, const OnnxNode& node) {
  builder.check_scale(node, node.input(1));
  OnnxValue value = builder.value(node.input(0));
  value.kind = OnnxValue::Kind::kLayer;
  value.shape = builder.shape(node, node.input(0));
  value.dequantized = OnnxDequantized{node.input(0), node.input(1), node.input(2),
                                      axis_of(builder, node, value.shape)};
  builder.set(node.output(), value);
}

/// A step in fp32 whatever the run's formats are: scales must not be quantized themselves.
std::string exact_step(OnnxBuilder& builder, const std::string& name, const VectorOp& op,
                       std::vector<std::string> inputs) {
  NetworkLayer& layer = builder.add_step(name, op, std::move(inputs));
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
  layer.precision.activations = layer.precision.output;
  return name;
}

VectorOp scalar_op(VectorKind kind) {
  VectorOp op;
  op.kind = kind;
  return op;
}

/// The largest of all elements and 0.
std::string largest(OnnxBuilder& builder, const std::string& name, const std::string& input,
                    std::int64_t elements) {
  VectorOp pool = scalar_op(VectorKind::kGlobalMaxPool);
  pool.window = PoolWindow{};
  pool.window->width = pool.window->kernel_w = elements;
  const std::string max = exact_step(builder, name + ".max", pool, {input});
  return exact_step(builder, name, scalar_op(VectorKind::kRelu), {max});
}

void set_value(OnnxBuilder& builder, const std::string& name, const std::string& layer,
               const Shape& shape) {
  if (name.empty()) return;
  OnnxValue value;
  value.layer = layer;
  value.shape = shape;
  builder.set(name, value);
}

/// scale = (max - min) / 255 with 0 within the range, zero-point = round(-min / scale): step by
/// step on the vector unit, as ONNX defines it.
void dynamic_quantize(OnnxBuilder& builder, const OnnxNode& node) {
  const Shape shape = builder.shape(node, node.input(0));
  const std::int64_t elements = volume_of(shape);
  const std::string x = builder.plain(node.input(0));
  const std::string& name = node.output();
  VectorOp negate = scalar_op(VectorKind::kAffine);
  negate.cols = elements;
  negate.alpha = -1;
  const std::string negated = exact_step(builder, name + ".negated", negate, {x});
  const std::string high = largest(builder, name + ".high", x, elements);
  const std::string low = largest(builder, name + ".low", negated, elements);
  const std::string range =
      exact_step(builder, name + ".range", scalar_op(VectorKind::kAdd), {high, low});
  VectorOp steps = scalar_op(VectorKind::kAffine);
  steps.alpha = 0;
  steps.beta = 255;
  const std::string count = exact_step(builder, name + ".steps", steps, {range});
  const std::string scale =
      exact_step(builder, name + ".scale", scalar_op(VectorKind::kDiv), {range, count});
  TensorFormat uint8;
  uint8.format = uint8.zero_point = "uint8";
  uint8.symmetric = false;
  const auto quantized = [&](NetworkLayer& layer) {
    layer.precision.output = uint8;
    layer.tensors["output_scale"].input = scale;
  };
  VectorOp round = scalar_op(VectorKind::kQuantizeLinear);
  round.alpha = 0;
  round.beta = 255;
  const std::string zero = name + ".zero_point";
  quantized(builder.add_step(zero, round, {low}));
  VectorOp op = round;
  op.shape = shape;
  op.cols = elements;
  NetworkLayer& layer = builder.add(node, op, {x}, false);
  quantized(layer);
  layer.tensors["output_zero_point"].input = zero;
  set_value(builder, node.output(1), scale, {});
  set_value(builder, node.output(2), zero, {});
}

}  // namespace

const std::vector<OnnxOperator>& onnx_quantization_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"QuantizeLinear", quantize},
      {"DequantizeLinear", dequantize},
      {"DynamicQuantizeLinear", dynamic_quantize},
  };
  return kRows;
}

}  // namespace bitjoule
