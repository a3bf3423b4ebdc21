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
  node.fail("expected int8 or uint8");
}

/// Non-negative, and within the shape.
std::int64_t axis_of(const OnnxNode& node, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::int64_t axis = node.integer("axis", 1);
  if (axis < 0) axis += rank;
  return axis < 0 || axis >= rank ? 0 : axis;
}

void quantize(OnnxBuilder& builder, const OnnxNode& node) {
  const std::string& x = node.input(0);
  const std::string& scale = node.input(1);
  const std::string& zero = node.input(2);
  const int type = zero.empty() ? int{onnx::TensorProto::UINT8} : builder.graph().type(zero);
  const IntegerRange range = range_of(node, type);
  const Shape* scale_shape = builder.graph().shape(scale);
  const bool per_tensor = scale_shape == nullptr || volume_of(*scale_shape) == 1;
  const bool constants = !builder.is_data(scale) && (zero.empty() || !builder.is_data(zero));
  NetworkLayer* producer = builder.fusable(x);
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
  op.axes = {axis_of(node, op.shape)};
  op.alpha = range.low;
  op.beta = range.high;
  const bool stored = !builder.is_data(x);
  const std::string input = stored ? std::string(kOperandInput) : builder.plain(x);
  const TensorSource scale_source = builder.source(scale);
  const TensorSource zero_source = zero.empty() ? TensorSource() : builder.source(zero);
  NetworkLayer& layer = builder.add(node, op, {input}, false);
  if (stored) layer.tensors["operand"] = builder.source(x);
  layer.tensors["output_scale"] = scale_source;
  if (!zero.empty()) layer.tensors["output_zero_point"] = zero_source;
}

/// Left open until a reader needs floats: a convolution or product takes the codes themselves.
void dequantize(OnnxBuilder& builder, const OnnxNode& node) {
  OnnxValue value = builder.value(node.input(0));
  value.kind = OnnxValue::Kind::kLayer;
  value.shape = builder.shape(node, node.input(0));
  value.dequantized =
      OnnxDequantized{node.input(0), node.input(1), node.input(2), axis_of(node, value.shape)};
  builder.set(node.output(), value);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_quantization_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"QuantizeLinear", quantize},
      {"DequantizeLinear", dequantize},
  };
  return kRows;
}

}  // namespace bitjoule
