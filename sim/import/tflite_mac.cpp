// TensorFlow Lite operators with MACs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kConv = 1, kDepthwise = 2, kDense = 8, kTransposed = 49, kBatchMatmul = 101;

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

bool is_weight_type(const std::string& type) { return is_code_type(type) || type == "int4"; }

/// Whether a layer of these operands multiplies codes. Activations of fp32 may meet codes as
/// weights, which are dequantized on their way to a MAC of floats.
bool multiplies_codes(const TfliteNode& node, const TfliteTensor& x, const TfliteTensor& w) {
  const bool codes = computes_codes(node, {&x, &node.output()});
  const bool is_code_weight = is_weight_type(w.type) && w.scales.count > 0;
  if (!w.complication.empty() || (codes ? !is_code_weight : !is_code_weight && w.type != "fp32"))
    node.fail(
        fmt::format("weights \"{}\" are {}{}: expected codes of int8, uint8, int16 or int4 "
                    "with scales{}",
                    w.name, w.type, w.complication.empty() ? "" : ", " + w.complication,
                    codes ? "" : ", or fp32"));
  return codes;
}

/// Weights may be codes where activations are real.
void set_weights(TfliteBuilder& builder, const TfliteTensor& w, NetworkLayer& layer) {
  if (w.type == "fp32") return;
  set_affine(builder, layer, "weight", w);
  layer.precision.weights = code_format(w.type, w.scales.count > 1, is_symmetric(w));
}

/// Formats, scales and zero-points of a layer of codes.
void set_codes(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& x,
               const TfliteTensor& w, NetworkLayer& layer) {
  for (const TfliteTensor* tensor : {&x, &node.output()}) scale_of(node, *tensor);
  set_affine(builder, layer, "input", x);
  set_weights(builder, w, layer);
  set_affine(builder, layer, "output", node.output());
  layer.precision.activations = code_format(x.type, false, is_symmetric(x));
  layer.precision.output = code_format(node.output().type, false, is_symmetric(node.output()));
  layer.precision.mac = x.type == "int16" || w.type == "int16" ? "int16" : "int8";
}

/// How a layer's weights lie, and what its options say.
struct Stored {
  TensorLayout layout = TensorLayout::kNative;
  std::string activation;
  bool has_short_bias = false;  ///< 32 bits, also where there is none
  /// The built-in kernels round twice; XNNPACK takes no weights with several scales, or no uint8.
  bool rounds_twice = false, delegates_one_scale = false;
  int input = 0;          ///< the operand that is not stored
  int bias = 2;           ///< and the one with the bias
  const char* part = "";  ///< behind the name of the weights
};

constexpr std::int8_t kInt32 = 2;  // TensorType

/// Weights, bias and all of their scales.
void finish(TfliteBuilder& builder, const TfliteNode& node, const Stored& stored,
            NetworkLayer& layer) {
  const TfliteTensor &x = node.input(stored.input), &w = node.input(1);
  const bool codes = multiplies_codes(node, x, w);
  const int bias_operand = stored.bias;
  layer.activation = stored.activation;
  layer.tensors["weights"] = builder.source(w, stored.part, stored.layout);
  // Sums of int16 have 64 bits unless the bias has 32, or its stated type.
  layer.sums.wide_sums = codes && x.type == "int16" && !stored.has_short_bias;
  if (node.has(bias_operand)) {
    const TfliteTensor& bias = node.input(bias_operand);
    const char* const type = codes ? "int32" : "fp32";
    if (codes && x.type == "int16") layer.sums.wide_sums = bias.type == "int64";
    const bool fits = bias.type == type || layer.sums.wide_sums;
    if (!bias.is_constant() || !fits || !bias.complication.empty())
      node.fail(fmt::format("bias \"{}\": expected a constant of {}, got {}", bias.name, type,
                            bias.type));
    layer.tensors["bias"] = builder.source(bias);
  }
  codes ? set_codes(builder, node, x, w, layer) : set_weights(builder, w, layer);
  if (x.type == "uint8") layer.sums.product = ScaleProduct::kProductFp32;
  if (!codes) return;
  layer.sums.rounds_twice = stored.rounds_twice || x.type == "uint8";
  layer.sums.delegated = x.type != "int16" && !(stored.delegates_one_scale && w.scales.count > 1);
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
  Stored stored;
  stored.activation = node.activation(kConv, 3);
  stored.has_short_bias = node.option<std::int8_t>(kConv, 6, 0) == kInt32;
  NetworkLayer& layer = builder.add(node, conv, {builder.layer_of(node, x)});
  finish(builder, node, stored, layer);
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
  Stored stored;
  stored.layout = TensorLayout::kTransposed;
  stored.activation = node.activation(kDepthwise, 4);
  NetworkLayer& layer = builder.add(node, conv, {builder.layer_of(node, x)});
  finish(builder, node, stored, layer);
}

/// Weights that the network computes: a product of two operands.
void dense_of_data(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &w = node.input(1);
  const bool codes = multiplies_codes(node, x, w);
  if (w.shape.size() != 2 || w.shape[1] < 1 || volume_of(x.shape) % w.shape[1] != 0)
    node.fail("the operands' sizes do not fit");
  if (node.has(2) || !node.activation(kDense, 0).empty() || (codes && w.type != x.type))
    node.fail(
        "weights that are computed are not supported with a bias, an activation or codes of "
        "another type");
  Matmul product;
  product.n = w.shape[0];
  product.k = w.shape[1];
  product.m = volume_of(x.shape) / product.k;
  NetworkLayer& layer =
      builder.add(node, product, {builder.layer_of(node, x), builder.layer_of(node, w)});
  if (!codes) return;
  scale_of(node, w);
  set_codes(builder, node, x, w, layer);
  layer.sums.wide_sums = x.type == "int16";
  layer.sums.delegated = false;
}

void dense(TfliteBuilder& builder, const TfliteNode& node) {
  if (!node.input(1).is_constant()) return dense_of_data(builder, node);
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
  Stored stored;
  stored.activation = node.activation(kDense, 0);
  stored.delegates_one_scale = true;
  stored.has_short_bias = node.option<std::int8_t>(kDense, 4, 0) == kInt32;
  NetworkLayer& layer = builder.add(node, gemm, {builder.layer_of(node, x)});
  finish(builder, node, stored, layer);
}

/// Strides of height and width, padding (0: SAME, 1: VALID) and operands of a transposed
/// convolution.
struct Transposed {
  std::int64_t strides[2];
  int padding;
  Stored stored;
};

/// The image with zeros between its pixels and around it, as a convolution of stride 1 reads it.
VectorOp spread_image(const TfliteNode& node, const Transposed& form) {
  const TfliteTensor &w = node.input(1), &x = node.input(form.stored.input), &y = node.output();
  VectorOp spread;
  spread.kind = VectorKind::kPad;
  spread.operand_shapes = {x.shape};
  spread.shape = x.shape;
  spread.starts = {0, 0, 0, 0};
  spread.steps = {1, 1, 1, 1};
  for (const std::size_t a : {1, 2}) {
    const std::int64_t stride = form.strides[a - 1];
    const std::int64_t kernel = w.shape[a], size = y.shape[a];
    if (stride < 1 || form.padding < 0 || form.padding > 1)
      node.fail("expected positive strides, and padding 0 or 1");
    const std::int64_t covered = ((size + stride - 1) / stride - 1) * stride + kernel;
    const std::int64_t before =
        form.padding == 0 ? std::max<std::int64_t>(covered - size, 0) / 2 : 0;
    if (before >= kernel) node.fail("the padding exceeds the kernel");
    spread.starts[a] = kernel - 1 - before;
    spread.steps[a] = stride;
    spread.shape[a] = size + kernel - 1;
  }
  spread.cols = volume_of(spread.shape);
  spread.alpha = is_code(x) ? static_cast<double>(scale_of(node, x).zero_point) : 0;
  return spread;
}

/// The kernel is turned by half a turn.
void add_transposed(TfliteBuilder& builder, const TfliteNode& node, Transposed form) {
  const TfliteTensor &w = stored_weights(node, 4), &x = node.input(form.stored.input),
                     &y = node.output();
  check_weight_scales(node, w, 0);
  if (x.shape.size() != 4 || y.shape.size() != 4 || x.shape[0] != y.shape[0] ||
      w.shape[3] != x.shape[3] || w.shape[0] != y.shape[3])
    node.fail("image, weights and result do not fit together");
  const VectorOp spread = spread_image(node, form);
  Conv2d conv;
  conv.batch = x.shape[0];
  conv.height = spread.shape[1];
  conv.width = spread.shape[2];
  conv.channels = x.shape[3];
  conv.filters = w.shape[0];
  conv.kernel_h = w.shape[1];
  conv.kernel_w = w.shape[2];
  form.stored.part = ".turned";
  form.stored.rounds_twice = form.stored.delegates_one_scale = true;
  const std::string name = y.name + ".spread";
  builder.add_coded_part(name, spread, {builder.layer_of(node, x)}, x);
  NetworkLayer& layer = builder.add(node, conv, {name});
  finish(builder, node, form.stored, layer);
}

void transpose_conv(TfliteBuilder& builder, const TfliteNode& node) {
  Transposed form = {
      {node.option<std::int32_t>(kTransposed, 2, 0), node.option<std::int32_t>(kTransposed, 1, 0)},
      node.option<std::uint8_t>(kTransposed, 0, 0),
      {}};
  form.stored.activation = node.activation(kTransposed, 3);
  form.stored.input = 2;
  form.stored.bias = 3;
  add_transposed(builder, node, form);
}

/// MediaPipe's: image, weights, bias. Its options are integers: padding (1: SAME, 2: VALID), and
/// the strides of width and height.
void transpose_conv_bias(TfliteBuilder& builder, const TfliteNode& node) {
  const std::vector<std::uint8_t> bytes = node.raw().custom.all();
  std::int32_t options[3] = {};
  if (bytes.size() < sizeof(options)) node.fail("its options are missing");
  std::memcpy(options, bytes.data(), sizeof(options));
  if (node.input(0).type != "fp32") node.fail("of codes it is not supported");
  add_transposed(builder, node, {{options[2], options[1]}, options[0] - 1, {}});
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

/// An operand with the batches of the result: repeated along axes of one element, or that it has
/// not.
std::string with_batches(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& tensor,
                         const std::string& layer, const Shape& matrix, const Shape& batches,
                         const char* which) {
  Shape from(tensor.shape.begin(), tensor.shape.end() - 2);
  if (from == batches) return layer;
  from.insert(from.begin(), batches.size() - from.size(), 1);
  VectorOp op;
  op.kind = VectorKind::kExpand;
  op.shape = batches;
  for (Shape* shape : {&from, &op.shape}) shape->insert(shape->end(), matrix.begin(), matrix.end());
  op.operand_shapes = {from};
  op.cols = volume_of(op.shape);
  const std::string name = fmt::format("{}.{}", node.output().name, which);
  return builder.add_coded_part(name, op, {layer}, tensor).name;
}

/// The batches of both operands, axes of one element and missing ones being those of the other.
Shape common_batches(const TfliteNode& node, const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape batches;
  for (std::size_t i = rank; i > 2; --i) {
    const std::int64_t x = i > a.size() ? 1 : a[a.size() - i];
    const std::int64_t y = i > b.size() ? 1 : b[b.size() - i];
    if (x != y && x != 1 && y != 1) node.fail("the operands' batches do not fit together");
    batches.push_back(std::max(x, y));
  }
  return batches;
}

void batch_matmul(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1);
  const bool codes = multiplies_codes(node, a, b);
  const bool adj_a = node.option<std::uint8_t>(kBatchMatmul, 0, 0) != 0;
  const bool adj_b = node.option<std::uint8_t>(kBatchMatmul, 1, 0) != 0;
  if (a.shape.size() < 2 || b.shape.size() < 2)
    node.fail("expected operands with two axes or more");
  const Shape batches = common_batches(node, a.shape, b.shape);
  const auto back = [](const TfliteTensor& t, int i) { return t.shape.end()[-i]; };
  Matmul product;
  product.batch = volume_of(batches);
  product.m = back(a, adj_a ? 1 : 2);
  product.k = back(a, adj_a ? 2 : 1);
  product.n = back(b, adj_b ? 2 : 1);
  if (back(b, adj_b ? 1 : 2) != product.k) node.fail("the operands' sizes do not fit");
  const std::string first = with_batches(builder, node, a, rows_of_k(builder, node, a, !adj_a),
                                         {product.m, product.k}, batches, "first");
  const std::string second = with_batches(builder, node, b, rows_of_k(builder, node, b, adj_b),
                                          {product.n, product.k}, batches, "second");
  NetworkLayer& layer = builder.add(node, product, {first, second});
  if (!codes) return;
  if (b.type != a.type) node.fail("expected operands of one type");
  scale_of(node, b);
  set_codes(builder, node, a, b, layer);
  layer.sums.wide_sums = a.type == "int16";
  layer.sums.delegated = false;
}

}  // namespace

const std::vector<TfliteLayerRow>& tflite_mac_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"CONV_2D", 3, conv},
      {"DEPTHWISE_CONV_2D", 3, depthwise},
      {"FULLY_CONNECTED", 3, dense},
      {"TRANSPOSE_CONV", 4, transpose_conv},
      {kTransposeConvBias, 3, transpose_conv_bias},
      {"BATCH_MATMUL", 2, batch_matmul},
  };
  return kRows;
}

}  // namespace bitjoule
