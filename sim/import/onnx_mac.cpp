// ONNX operators with MACs: convolutions and matrix products, in floats and in integers.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/numeric/stored_tensor.h"
#include "sim/formats/onnx_model.h"
#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// The operands of a MAC layer by ONNX name; empty where the operator has none.
struct MacOperands {
  std::string input, input_scale, input_zero;
  std::string weights, weight_scale, weight_zero;
  std::string output_scale, output_zero;
  std::string bias;
  bool integers = false;  ///< codes are multiplied
};

/// Of codes that are multiplied; of 4 bits only constants are.
const char* code_name(int type) {
  if (type == onnx::TensorProto::INT8) return "int8";
  if (type == onnx::TensorProto::UINT8) return "uint8";
  if (type == kOnnxInt4) return "int4";
  return type == kOnnxUint4 ? "uint4" : nullptr;
}

/// The codes of int8 or uint8 (of constants, of 4 bits as well) behind a pending DequantizeLinear
/// that a layer takes with one scale for the tensor, or one for each index of `axis`; nullptr if
/// there are none. Scales along another axis are applied by the vector unit before.
const OnnxDequantized* dequantized(const OnnxBuilder& builder, const std::string& name,
                                   std::optional<std::size_t> axis) {
  const OnnxValue& value = builder.value(name);
  if (!value.dequantized) return nullptr;
  const int type = builder.graph().type(value.dequantized->codes);
  if (code_name(type) == nullptr) return nullptr;
  const bool whole = volume_of(*builder.graph().shape(value.dequantized->scale)) == 1;
  const bool fits = axis && value.dequantized->axis == static_cast<std::int64_t>(*axis);
  return whole || fits ? &*value.dequantized : nullptr;
}

/// The integers of a bias that is dequantized by the product of the operands' scales: what is added
/// to the sums. Empty where it is another bias.
std::string bias_codes(const OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o) {
  const OnnxValue& value = builder.value(o.bias);
  if (!value.dequantized) return "";
  const OnnxDequantized& bias = *value.dequantized;
  if (builder.graph().type(bias.codes) != onnx::TensorProto::INT32) return "";
  for (const std::string* name : {&bias.scale, &o.input_scale, &o.weight_scale})
    if (!builder.graph().is_constant(*name)) return "";
  if (!bias.zero_point.empty())
    for (const std::int64_t zero : builder.integers(node, bias.zero_point))
      if (zero != 0) return "";
  const std::vector<float> got = builder.floats(node, bias.scale),
                           x = builder.floats(node, o.input_scale),
                           w = builder.floats(node, o.weight_scale);
  const std::size_t count = std::max(got.size(), w.size());
  for (std::size_t i = 0; i < count; ++i) {
    // Exporters multiply in fp32 or fp64: the products differ by a rounding or two.
    const double product = double{x[0]} * double{w[w.size() == 1 ? 0 : i]};
    const double scale = double{got[got.size() == 1 ? 0 : i]};
    if (!(std::fabs(scale - product) <= 3e-7 * std::fabs(product))) return "";
  }
  return bias.codes;
}

/// Storage of a tensor of ONNX type int8 or uint8 with one scale, or one per output channel.
TensorFormat integer_format(const OnnxBuilder& builder, const OnnxNode& node,
                            const std::string& codes, const std::string& scale,
                            const std::string& zero_point) {
  const int type = builder.graph().type(codes);
  const char* format = code_name(type);
  if (format == nullptr) node.fail(fmt::format("\"{}\": expected int8 or uint8", codes));
  bool per_channel = false, symmetric = zero_point.empty();
  for (const std::string* values : {&scale, &zero_point})
    if (const Shape* shape = builder.graph().shape(*values); shape && volume_of(*shape) > 1)
      per_channel = true;
  if (builder.graph().is_constant(zero_point)) {
    const Shape zeros = builder.integers(node, zero_point);
    symmetric = std::all_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z == 0; });
  }
  return code_format(format, per_channel, symmetric);
}

/// Scale and zero-point of one of the layer's tensors: "input", "weight" or "output".
void set_affine(OnnxBuilder& builder, NetworkLayer& layer, const std::string& role,
                const std::string& scale, const std::string& zero_point) {
  if (!scale.empty()) layer.tensors[role + "_scale"] = builder.source(scale);
  if (!zero_point.empty()) layer.tensors[role + "_zero_point"] = builder.source(zero_point);
}

/// What precedes the layer must be appended before it: the layer's inputs.
struct Prepared {
  MacOperands operands;
  std::string layer;  ///< that produces the first operand
};

/// Folds pending DequantizeLinears of both operands, or of the weights alone, into the layer.
/// `filters`: the axis of the weights that counts the layer's output channels.
Prepared prepare(OnnxBuilder& builder, const OnnxNode& node, MacOperands operands,
                 std::optional<std::size_t> filters, bool channels_last) {
  if (!operands.integers) {
    if (const OnnxDequantized* weights = dequantized(builder, operands.weights, filters)) {
      operands.weights = weights->codes;
      operands.weight_scale = weights->scale;
      operands.weight_zero = weights->zero_point;
      if (const OnnxDequantized* input = dequantized(builder, operands.input, std::nullopt)) {
        operands.input = input->codes;
        operands.input_scale = input->scale;
        operands.input_zero = input->zero_point;
        operands.integers = true;
      }
    }
    if (operands.integers && !operands.bias.empty())
      if (const std::string codes = bias_codes(builder, node, operands); !codes.empty())
        operands.bias = codes;
  }
  const std::string layer =
      channels_last ? builder.channels_last(operands.input) : builder.plain(operands.input);
  return {operands, layer};
}

/// Formats, scales and zero-points of the layer's operands and output.
void set_formats(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o,
                 NetworkLayer& layer) {
  if (!o.weight_scale.empty() || o.integers) {
    set_affine(builder, layer, "weight", o.weight_scale, o.weight_zero);
    layer.precision.weights =
        integer_format(builder, node, o.weights, o.weight_scale, o.weight_zero);
  }
  if (!o.integers) return;
  set_affine(builder, layer, "input", o.input_scale, o.input_zero);
  layer.precision.activations = integer_format(builder, node, o.input, o.input_scale, o.input_zero);
  layer.precision.mac = "int8";
  layer.precision.requantize = Requantize::kOnnxHalfEven;
  if (o.output_scale.empty()) return;
  set_affine(builder, layer, "output", o.output_scale, o.output_zero);
  layer.precision.output =
      integer_format(builder, node, node.output(), o.output_scale, o.output_zero);
}

void finish(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o, TensorLayout layout,
            NetworkLayer& layer) {
  layer.tensors["weights"] = builder.source(o.weights, layout);
  if (!o.bias.empty()) layer.tensors["bias"] = builder.source(o.bias);
  set_formats(builder, node, o, layer);
}

/// Values that the layer reads at run time must come before it in the network.
void settle_sources(OnnxBuilder& builder, const MacOperands& o) {
  for (const std::string* name : {&o.weights, &o.bias, &o.input_scale, &o.input_zero,
                                  &o.weight_scale, &o.weight_zero, &o.output_scale, &o.output_zero})
    if (builder.is_data(*name)) builder.plain(*name);
}

/// A convolution over one or two axes; the missing one has size 1.
Conv2d to_conv(const OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o) {
  const Shape& x = builder.shape(node, o.input);
  const Shape& w = builder.shape(node, o.weights);
  if (x.size() != 3 && x.size() != 4) node.fail("expected a 1-D or 2-D convolution");
  std::vector<OnnxWindow> windows = onnx_windows(node, x, Shape(w.begin() + 2, w.end()));
  if (windows.size() == 1) windows.insert(windows.begin(), OnnxWindow());
  Conv2d conv;
  conv.batch = x[0];
  conv.channels = x[1];
  conv.filters = w[0];
  conv.groups = node.integer("group", 1);
  set_windows(windows, conv);
  return conv;
}

NetworkLayer& add_conv(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& operands) {
  const Prepared p = prepare(builder, node, operands, 0, true);
  settle_sources(builder, p.operands);
  const Conv2d conv = to_conv(builder, node, p.operands);
  NetworkLayer& layer = builder.add(node, conv, {p.layer}, true);
  finish(builder, node, p.operands, TensorLayout::kChannelsFirst, layer);
  return layer;
}

/// B with its last two axes swapped: the product's second operand as n rows of k.
std::string swapped(OnnxBuilder& builder, const OnnxNode& node, const std::string& name) {
  const Shape shape = builder.shape(node, name);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::string layer = builder.plain(name);
  return builder.transposed(node, layer, shape,
                            axes_moved_last(shape.size(), {rank - 1, rank - 2}));
}

/// A layer's matrices repeated to as many as the result has.
std::string repeated(OnnxBuilder& builder, const std::string& name, const std::string& layer,
                     const Shape& from, const Shape& to) {
  VectorOp op;
  op.kind = VectorKind::kExpand;
  op.operand_shapes = {from};
  op.shape = to;
  op.cols = volume_of(to);
  return builder.add_step(name, op, {layer}).name;
}

/// Products of many matrices by as many: both operands are activations, or become layers.
void add_batched(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o) {
  const std::string &a_name = o.input, &b_name = o.weights;
  settle_sources(builder, o);
  Shape a = builder.shape(node, a_name), b = builder.shape(node, b_name);
  if (a.size() == 1) a.insert(a.begin(), 1);
  const bool is_column = b.size() == 1;
  if (is_column) b.push_back(1);
  Shape a_batch(a.begin(), a.end() - 2), b_batch(b.begin(), b.end() - 2);
  const Shape batch = onnx_broadcast(node, a_batch, b_batch);
  a_batch.insert(a_batch.begin(), batch.size() - a_batch.size(), 1);
  b_batch.insert(b_batch.begin(), batch.size() - b_batch.size(), 1);
  std::int64_t shared = 1;
  std::size_t i = batch.size();
  while (i > 0 && b_batch[i - 1] == 1) shared *= batch[--i];
  const bool repeats_b =
      !std::equal(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(i), b_batch.begin());
  if (repeats_b) shared = 1;
  Matmul matmul;
  matmul.batch = volume_of(batch);
  matmul.m = a[a.size() - 2];
  matmul.k = a.back();
  matmul.n = b.back();
  matmul.shared = shared;
  const bool repeats_a = a_batch != batch;
  const bool stored = !builder.is_data(a_name) && !repeats_a;
  std::string first = stored ? std::string(kOperandInput) : builder.plain(a_name);
  const auto matrices = [](Shape of, std::int64_t rows, std::int64_t columns) {
    of.push_back(rows);
    of.push_back(columns);
    return of;
  };
  if (repeats_a)
    first = repeated(builder, node.output() + ".first", first,
                     matrices(a_batch, matmul.m, matmul.k), matrices(batch, matmul.m, matmul.k));
  std::string second = is_column ? builder.plain(b_name) : swapped(builder, node, b_name);
  if (repeats_b)
    second = repeated(builder, node.output() + ".second", second,
                      matrices(b_batch, matmul.n, matmul.k), matrices(batch, matmul.n, matmul.k));
  NetworkLayer& layer = builder.add(node, matmul, {first, second}, false);
  if (stored) layer.tensors["operand"] = builder.source(a_name);
  set_formats(builder, node, o, layer);
}

/// Rows by one stored (or at least unbatched) matrix: a linear layer.
void add_linear(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& operands) {
  const std::size_t rank = builder.shape(node, operands.weights).size();
  std::optional<std::size_t> columns;
  if (rank > 1) columns = rank - 1;
  const Prepared p = prepare(builder, node, operands, columns, false);
  settle_sources(builder, p.operands);
  const Shape& a = builder.shape(node, p.operands.input);
  const Shape& b = builder.shape(node, p.operands.weights);
  Gemm gemm;
  gemm.k = a.back();
  gemm.m = volume_of(a) / std::max<std::int64_t>(1, gemm.k);
  gemm.n = b.size() == 1 ? 1 : b.back();
  NetworkLayer& layer = builder.add(node, gemm, {p.layer}, false);
  finish(builder, node, p.operands,
         b.size() == 1 ? TensorLayout::kNative : TensorLayout::kTransposed, layer);
}

void add_product(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o) {
  const Shape a = builder.shape(node, o.input), b = builder.shape(node, o.weights);
  const std::size_t last = b.size() - 1;
  const OnnxDequantized* pending =
      o.integers ? nullptr
                 : dequantized(builder, o.weights, last > 0 ? std::optional(last) : std::nullopt);
  const bool stored = !builder.is_data(pending != nullptr ? pending->codes : o.weights);
  const bool one_matrix = b.size() <= 2 || volume_of(b) == b[b.size() - 1] * b[b.size() - 2];
  const bool is_linear = stored ? one_matrix : one_matrix && (a.size() < 2 || b.size() < 2);
  if (builder.is_data(o.input) && is_linear)
    add_linear(builder, node, o);
  else
    add_batched(builder, node, o);
}

void conv(OnnxBuilder& builder, const OnnxNode& node) {
  MacOperands o;
  o.input = node.input(0);
  o.weights = node.input(1);
  o.bias = node.input(2);
  add_conv(builder, node, o);
}

MacOperands integer_operands(const OnnxNode& node) {
  MacOperands o;
  o.integers = true;
  o.input = node.input(0);
  o.weights = node.input(1);
  o.input_zero = node.input(2);
  o.weight_zero = node.input(3);
  return o;
}

MacOperands linear_operands(const OnnxBuilder& builder, const OnnxNode& node) {
  for (const int scale : {1, 4, 6}) builder.check_scale(node, node.input(scale));
  MacOperands o;
  o.integers = true;
  o.input = node.input(0);
  o.input_scale = node.input(1);
  o.input_zero = node.input(2);
  o.weights = node.input(3);
  o.weight_scale = node.input(4);
  o.weight_zero = node.input(5);
  o.output_scale = node.input(6);
  o.output_zero = node.input(7);
  o.bias = node.input(8);
  return o;
}

/// The layer that was appended last yields its 32-bit sums as they are.
void yield_accumulators(OnnxBuilder& builder) {
  builder.last().accumulators = true;
  builder.last().precision.output = TensorFormat{};
  builder.last().precision.output->format = "fp32";
}

void gemm(OnnxBuilder& builder, const OnnxNode& node) {
  const bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
  const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  const std::string c = node.input(2);
  MacOperands o;
  o.input = node.input(0);
  o.weights = node.input(1);
  const Shape a = builder.shape(node, o.input), b = builder.shape(node, o.weights);
  if (!builder.is_data(o.input)) node.fail("the first operand is a constant");
  Gemm shape;
  shape.m = trans_a ? a[1] : a[0];
  shape.k = trans_a ? a[0] : a[1];
  shape.n = trans_b ? b[0] : b[1];
  const Shape c_shape = c.empty() ? Shape{} : builder.shape(node, c);
  const bool is_bias = !c.empty() && alpha == 1 && beta == 1 && c_shape.size() <= 2 &&
                       !c_shape.empty() && c_shape.back() == shape.n &&
                       volume_of(c_shape) == shape.n;
  if (is_bias) o.bias = c;
  Prepared p = prepare(builder, node, o, trans_b ? 0 : 1, false);
  if (trans_a) p.layer = swapped(builder, node, p.operands.input);
  settle_sources(builder, p.operands);
  const TensorLayout layout = trans_b ? TensorLayout::kNative : TensorLayout::kTransposed;
  if (is_bias || (c.empty() && alpha == 1)) {
    finish(builder, node, p.operands, layout, builder.add(node, shape, {p.layer}, false));
    return;
  }
  // alpha * A * B + beta * C, step by step on the vector unit.
  std::string sum = node.output() + ".product";
  finish(builder, node, p.operands, layout, builder.add_step(sum, shape, {p.layer}));
  const auto scaled = [&](const std::string& from, double factor, const Shape& of,
                          const char* suffix) {
    VectorOp op;
    op.kind = VectorKind::kAffine;
    op.cols = volume_of(of);
    op.shape = of;
    op.operand_shapes = {of};
    op.alpha = factor;
    builder.add_step(node.output() + suffix, op, {from});
    return node.output() + suffix;
  };
  if (alpha != 1) sum = scaled(sum, alpha, {shape.m, shape.n}, ".alpha");
  VectorOp add;
  add.kind = VectorKind::kAdd;
  add.rows = shape.m;
  add.cols = shape.n;
  add.shape = {shape.m, shape.n};
  add.operand_shapes = {add.shape, c_shape};
  if (c.empty()) {
    VectorOp same;
    same.kind = VectorKind::kReshape;
    same.rows = shape.m;
    same.cols = shape.n;
    builder.add(node, same, {sum}, false);
    return;
  }
  const bool stored = !builder.is_data(c);
  std::string addend = stored ? std::string(kOperandInput) : builder.plain(c);
  if (beta != 1) {
    addend = scaled(addend, beta, c_shape, ".beta");
    if (stored) builder.last().tensors["operand"] = builder.source(c);
  }
  NetworkLayer& layer = builder.add(node, add, {sum, addend}, false);
  if (stored && beta == 1) layer.tensors["operand"] = builder.source(c);
}

void matmul(OnnxBuilder& builder, const OnnxNode& node) {
  MacOperands o;
  o.input = node.input(0);
  o.weights = node.input(1);
  add_product(builder, node, o);
}

}  // namespace

const std::vector<OnnxOperator>& onnx_mac_operators() {
  static const std::vector<OnnxOperator> kRows = {
      {"Conv", conv},
      {"ConvInteger",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_conv(builder, node, integer_operands(node));
         yield_accumulators(builder);
       }},
      {"QLinearConv",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_conv(builder, node, linear_operands(builder, node));
       }},
      {"Gemm", gemm},
      {"MatMul", matmul},
      {"MatMulInteger",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_product(builder, node, integer_operands(node));
         yield_accumulators(builder);
       }},
      {"QLinearMatMul",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_product(builder, node, linear_operands(builder, node));
       }},
  };
  return kRows;
}

}  // namespace bitjoule
