// TensorFlow Lite operators with MACs.
#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kConv = 1, kDepthwise = 2, kDense = 8, kBatchMatmul = 101;

/// Scales and zero-points of a layer's tensor: "input", "weight" or "output".
void set_affine(TfliteBuilder& builder, NetworkLayer& layer, const std::string& role,
                const TfliteTensor& tensor) {
  layer.tensors[role + "_scale"] = builder.source(tensor, ".scale");
  if (tensor.zero_points.count > 0)
    layer.tensors[role + "_zero_point"] = builder.source(tensor, ".zero_point");
}

bool is_symmetric(const TfliteTensor& tensor) {
  for (std::size_t i = 0; i < tensor.zero_points.count; ++i)
    if (tensor.zero_points[i] != 0) return false;
  return true;
}

/// Scales of weights: one, or one for each output channel along `axis`.
void check_weight_scales(const TfliteNode& node, const TfliteTensor& weights, std::int64_t axis) {
  const auto scales = static_cast<std::int64_t>(weights.scales.count);
  const std::int64_t channels = weights.shape[static_cast<std::size_t>(axis)];
  if (scales > 1 && (weights.axis != axis || scales != channels))
    node.fail(fmt::format("\"{}\": {} scales along axis {} are not those of {} output channels",
                          weights.name, scales, weights.axis, channels));
  for (std::size_t i = 0; i < weights.scales.count; ++i)
    if (!(weights.scales[i] > 0) || !std::isfinite(weights.scales[i]))
      node.fail(
          fmt::format("\"{}\": expected positive scales, got {}", weights.name, weights.scales[i]));
}

/// Whether a layer of these operands multiplies codes. A mixture is refused by name.
bool multiplies_codes(const TfliteNode& node, const TfliteTensor& x, const TfliteTensor& w) {
  if (x.type == "fp32" && is_code(w))
    node.fail(fmt::format(
        "a hybrid layer, with activations of fp32 (\"{}\") and weights of {} (\"{}\"), is not "
        "supported; quantize the model as a whole, or not at all",
        x.name, w.type, w.name));
  return computes_codes(node, {&x, &w, &node.output()});
}

/// Formats, scales and zero-points of a layer of codes.
void set_codes(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& x,
               const TfliteTensor& w, NetworkLayer& layer) {
  for (const TfliteTensor* tensor : {&x, &node.output()}) scale_of(node, *tensor);
  set_affine(builder, layer, "input", x);
  set_affine(builder, layer, "weight", w);
  set_affine(builder, layer, "output", node.output());
  layer.precision.activations = code_format(x.type, false, is_symmetric(x));
  layer.precision.weights = code_format("int8", w.scales.count > 1, is_symmetric(w));
  layer.precision.output = code_format(node.output().type, false, is_symmetric(node.output()));
  layer.precision.mac = "int8";
}

/// Weights, bias and all of their scales.
void finish(TfliteBuilder& builder, const TfliteNode& node, TensorLayout layout,
            const std::string& activation, NetworkLayer& layer) {
  const TfliteTensor &x = node.input(0), &w = node.input(1);
  const bool codes = multiplies_codes(node, x, w);
  layer.activation = activation;
  layer.tensors["weights"] = builder.source(w, "", layout);
  if (node.has(2)) {
    const TfliteTensor& bias = node.input(2);
    const char* const type = codes ? "int32" : "fp32";
    if (!bias.is_constant() || bias.type != type || !bias.complication.empty())
      node.fail(fmt::format("bias \"{}\": expected a constant of {}, got {}", bias.name, type,
                            bias.type));
    layer.tensors["bias"] = builder.source(bias);
  }
  if (codes) set_codes(builder, node, x, w, layer);
}

const TfliteTensor& stored_weights(const TfliteNode& node, std::size_t axes) {
  const TfliteTensor& w = node.input(1);
  if (!w.is_constant()) node.fail(fmt::format("weights \"{}\" must be a constant", w.name));
  if (w.shape.size() != axes)
    node.fail(
        fmt::format("weights \"{}\": expected {} axes, got {}", w.name, axes, w.shape.size()));
  return w;
}

void conv(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &w = stored_weights(node, 4);
  check_weight_scales(node, w, 0);
  Conv2d conv;
  set_windows(node, kConv, x, w.shape[1], w.shape[2], conv);
  conv.filters = w.shape[0];
  if (w.shape[3] < 1 || conv.channels % w.shape[3] != 0)
    node.fail(
        fmt::format("{} channels do not divide into groups of {}", conv.channels, w.shape[3]));
  conv.groups = conv.channels / w.shape[3];
  const std::string activation = node.activation(kConv, 3);
  NetworkLayer& layer = builder.add(node, conv, {builder.layer_of(node, x)});
  finish(builder, node, TensorLayout::kNative, activation, layer);
}

void depthwise(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &w = stored_weights(node, 4);
  check_weight_scales(node, w, 3);
  Conv2d conv;
  set_windows(node, kDepthwise, x, w.shape[1], w.shape[2], conv);
  conv.filters = w.shape[3];
  conv.groups = conv.channels;
  if (w.shape[0] != 1 || conv.filters % conv.channels != 0)
    node.fail(fmt::format("weights \"{}\" do not fit {} channels", w.name, conv.channels));
  const std::string activation = node.activation(kDepthwise, 4);
  NetworkLayer& layer = builder.add(node, conv, {builder.layer_of(node, x)});
  finish(builder, node, TensorLayout::kTransposed, activation, layer);
}

void dense(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &w = stored_weights(node, 2);
  check_weight_scales(node, w, 0);
  if (const int order = node.option<std::uint8_t>(kDense, 1, 0); order != 0)
    node.fail(fmt::format("weights in format {}: only the default order is supported", order));
  Gemm gemm;
  gemm.n = w.shape[0];
  gemm.k = w.shape[1];
  const std::int64_t elements = volume_of(x.shape);
  if (gemm.k < 1 || elements % gemm.k != 0)
    node.fail(fmt::format("{} elements do not divide into rows of {}", elements, gemm.k));
  gemm.m = elements / gemm.k;
  const std::string activation = node.activation(kDense, 0);
  NetworkLayer& layer = builder.add(node, gemm, {builder.layer_of(node, x)});
  finish(builder, node, TensorLayout::kNative, activation, layer);
}

/// An operand as rows of k (the first), or as n rows of k (the second): transposed where it lies
/// otherwise.
std::string rows_of_k(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& tensor,
                      bool lies_so) {
  std::string layer = builder.layer_of(node, tensor);
  if (lies_so) return layer;
  const auto rank = static_cast<std::int64_t>(tensor.shape.size());
  std::string moved =
      builder.transposed(node.output().name, layer, tensor.shape,
                         axes_moved_last(tensor.shape.size(), {rank - 1, rank - 2}));
  if (is_code(tensor)) {
    builder.last().precision.output = code_format(tensor.type, false, is_symmetric(tensor));
    builder.last().precision.activations = builder.last().precision.output;
  }
  return moved;
}

void batch_matmul(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1);
  const bool codes = multiplies_codes(node, a, b);
  const bool adj_a = node.option<std::uint8_t>(kBatchMatmul, 0, 0) != 0;
  const bool adj_b = node.option<std::uint8_t>(kBatchMatmul, 1, 0) != 0;
  const std::size_t rank = a.shape.size();
  if (rank < 2 || b.shape.size() != rank ||
      !std::equal(a.shape.begin(), a.shape.end() - 2, b.shape.begin()))
    node.fail("expected operands with as many axes and equal batches");
  Matmul product;
  product.batch = volume_of(Shape(a.shape.begin(), a.shape.end() - 2));
  product.m = a.shape[rank - (adj_a ? 1 : 2)];
  product.k = a.shape[rank - (adj_a ? 2 : 1)];
  product.n = b.shape[rank - (adj_b ? 2 : 1)];
  if (b.shape[rank - (adj_b ? 1 : 2)] != product.k) node.fail("the operands' sizes do not fit");
  const std::string first = rows_of_k(builder, node, a, !adj_a);
  const std::string second = rows_of_k(builder, node, b, adj_b);
  NetworkLayer& layer = builder.add(node, product, {first, second});
  if (codes) {
    scale_of(node, b);
    set_codes(builder, node, a, b, layer);
  }
}

}  // namespace

const std::vector<TfliteLayerRow>& tflite_mac_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"CONV_2D", 3, conv},
      {"DEPTHWISE_CONV_2D", 3, depthwise},
      {"FULLY_CONNECTED", 3, dense},
      {"BATCH_MATMUL", 2, batch_matmul},
  };
  return kRows;
}

}  // namespace bitjoule
