// ONNX operators with MACs: convolutions and matrix products, in floats and in integers.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>

#include "core/numeric/stored_tensor.h"
#include "sim/formats/onnx_model.h"
#include "sim/import/onnx_builder.h"

namespace bitjoule {
namespace {

/// The quantized value behind a pending DequantizeLinear; nullptr if there is none.
const OnnxDequantized* dequantized(const OnnxBuilder& builder, const std::string& name) {
  const OnnxValue& value = builder.value(name);
  return value.dequantized ? &*value.dequantized : nullptr;
}

/// Storage of a tensor of ONNX type int8 or uint8 with one scale, or one per output channel.
TensorFormat integer_format(const OnnxBuilder& builder, const OnnxNode& node,
                            const std::string& codes, const std::string& scale,
                            const std::string& zero_point) {
  const int type = builder.graph().type(codes);
  if (type != onnx::TensorProto::INT8 && type != onnx::TensorProto::UINT8)
    node.fail(fmt::format("\"{}\": expected int8 or uint8", codes));
  TensorFormat format;
  format.format = type == onnx::TensorProto::INT8 ? "int8" : "uint8";
  const Shape* shape = builder.graph().shape(scale);
  if (shape != nullptr && volume_of(*shape) > 1) format.granularity = Granularity::kPerChannel;
  format.symmetric = zero_point.empty();
  if (const onnx::TensorProto* constant = builder.graph().constant(zero_point)) {
    const auto zeros = to_integers(to_stored(*constant, builder.graph().file()));
    format.symmetric =
        std::all_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z == 0; });
  }
  format.zero_point = format.format;
  return format;
}

/// Scale and zero-point of one of the layer's tensors: "input", "weight" or "output".
void set_affine(OnnxBuilder& builder, NetworkLayer& layer, const std::string& role,
                const std::string& scale, const std::string& zero_point) {
  if (!scale.empty()) layer.tensors[role + "_scale"] = builder.source(scale);
  if (!zero_point.empty()) layer.tensors[role + "_zero_point"] = builder.source(zero_point);
}

/// The operands of a MAC layer by ONNX name; empty where the operator has none.
struct MacOperands {
  std::string input, input_scale, input_zero;
  std::string weights, weight_scale, weight_zero;
  std::string output_scale, output_zero;
  std::string bias;
  bool integers = false;  ///< codes are multiplied
};

/// What precedes the layer must be appended before it: the layer's inputs.
struct Prepared {
  MacOperands operands;
  std::string layer;  ///< that produces the first operand
};

/// Folds pending DequantizeLinears of both operands, or of the weights alone, into the layer.
Prepared prepare(OnnxBuilder& builder, MacOperands operands, bool channels_last) {
  if (!operands.integers) {
    const OnnxDequantized* weights = dequantized(builder, operands.weights);
    const OnnxDequantized* input = dequantized(builder, operands.input);
    if (weights != nullptr) {
      const OnnxDequantized w = *weights;
      operands.weights = w.codes;
      operands.weight_scale = w.scale;
      operands.weight_zero = w.zero_point;
      if (input != nullptr) {
        const OnnxDequantized x = *input;
        operands.input = x.codes;
        operands.input_scale = x.scale;
        operands.input_zero = x.zero_point;
        operands.integers = true;
      }
    }
    const bool has_bias = !operands.bias.empty();
    if (has_bias && dequantized(builder, operands.bias) != nullptr && operands.integers)
      operands.bias = dequantized(builder, operands.bias)->codes;  // int32 at s_x * s_w
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
  if ((x.size() != 3 && x.size() != 4) || w.size() != x.size())
    node.fail("expected a 1-D or 2-D convolution");
  const bool flat = x.size() == 3;
  Conv2d conv;
  conv.batch = x[0];
  conv.channels = x[1];
  conv.filters = w[0];
  conv.groups = node.integer("group", 1);
  if (conv.groups < 1 || w[1] > conv.channels || w[1] * conv.groups != conv.channels)
    node.fail(fmt::format("{} channels meet {} groups of {}", conv.channels, conv.groups, w[1]));
  conv.height = flat ? 1 : x[2];
  conv.width = x.back();
  conv.kernel_h = flat ? 1 : w[2];
  conv.kernel_w = w.back();
  const Shape strides = node.integers("strides"), dilations = node.integers("dilations");
  conv.stride_h = flat ? 1 : at(strides, 0, 1);
  conv.stride_w = at(strides, flat ? 0 : 1, 1);
  conv.dilation_h = flat ? 1 : at(dilations, 0, 1);
  conv.dilation_w = at(dilations, flat ? 0 : 1, 1);
  return conv;
}

/// `pads`, or what auto_pad makes of the input's size.
void set_padding(const OnnxNode& node, bool flat, Conv2d& conv) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  const Shape pads = node.integers("pads");
  const auto same = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                        std::int64_t dilation, std::int64_t& before, std::int64_t& after) {
    if (stride < 1) node.fail("strides: expected positive numbers");
    const std::int64_t out = (size + stride - 1) / stride;
    const std::int64_t all =
        std::max<std::int64_t>(0, (out - 1) * stride + dilation * (kernel - 1) + 1 - size);
    before = mode == "SAME_UPPER" ? all / 2 : all - all / 2;
    after = all - before;
  };
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    same(conv.height, conv.kernel_h, conv.stride_h, conv.dilation_h, conv.pad_top, conv.pad_bottom);
    same(conv.width, conv.kernel_w, conv.stride_w, conv.dilation_w, conv.pad_left, conv.pad_right);
  } else if (mode == "NOTSET") {
    conv.pad_top = flat ? 0 : at(pads, 0, 0);
    conv.pad_left = at(pads, flat ? 0 : 1, 0);
    conv.pad_bottom = flat ? 0 : at(pads, 2, 0);
    conv.pad_right = at(pads, flat ? 1 : 3, 0);
  } else if (mode != "VALID") {
    node.fail(fmt::format("auto_pad \"{}\" is unknown", mode));
  }
}

NetworkLayer& add_conv(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& operands) {
  const Prepared p = prepare(builder, operands, true);
  settle_sources(builder, p.operands);
  Conv2d conv = to_conv(builder, node, p.operands);
  set_padding(node, builder.shape(node, p.operands.input).size() == 3, conv);
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

/// Products of many matrices by as many: both operands are activations.
void add_batched(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& o) {
  const std::string &a_name = o.input, &b_name = o.weights;
  settle_sources(builder, o);
  const Shape a = builder.shape(node, a_name), b = builder.shape(node, b_name);
  const Shape a_batch(a.begin(), a.end() - 2);
  Shape b_batch(b.begin(), b.end() - 2);
  b_batch.insert(b_batch.begin(),
                 a_batch.size() > b_batch.size() ? a_batch.size() - b_batch.size() : 0, 1);
  std::int64_t shared = 1;
  std::size_t i = b_batch.size();
  while (i > 0 && b_batch[i - 1] == 1 && a_batch.size() == b_batch.size()) shared *= a_batch[--i];
  if (a_batch.size() != b_batch.size() ||
      !std::equal(a_batch.begin(), a_batch.begin() + static_cast<std::ptrdiff_t>(i),
                  b_batch.begin()))
    node.fail("this broadcast of the first operand is not supported");
  Matmul matmul;
  matmul.batch = volume_of(a_batch);
  matmul.m = a[a.size() - 2];
  matmul.k = a.back();
  matmul.n = b.back();
  matmul.shared = shared;
  const bool stored = !builder.is_data(a_name);
  const std::string first = stored ? std::string(kOperandInput) : builder.plain(a_name);
  const std::string second = swapped(builder, node, b_name);
  NetworkLayer& layer = builder.add(node, matmul, {first, second}, false);
  if (stored) layer.tensors["operand"] = builder.source(a_name);
  set_formats(builder, node, o, layer);
}

/// Rows by one stored (or at least unbatched) matrix: a linear layer.
void add_linear(OnnxBuilder& builder, const OnnxNode& node, const MacOperands& operands) {
  const Prepared p = prepare(builder, operands, false);
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
  if (a.empty() || b.empty()) node.fail("expected matrices");
  const std::int64_t k = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (a.back() != k) node.fail(fmt::format("{} columns meet {} rows", a.back(), k));
  const OnnxDequantized* pending = dequantized(builder, o.weights);
  const bool stored = !builder.is_data(pending != nullptr ? pending->codes : o.weights);
  const bool one_matrix = b.size() <= 2 || volume_of(b) == b[b.size() - 1] * b[b.size() - 2];
  if (builder.is_data(o.input) && (stored ? one_matrix : a.size() < 2 || b.size() < 2)) {
    add_linear(builder, node, o);
  } else if (stored || a.size() < 2 || b.size() < 2) {
    node.fail("a batch of stored matrices, or a stored vector first, is not supported");
  } else {
    add_batched(builder, node, o);
  }
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

MacOperands linear_operands(const OnnxNode& node) {
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
  if (a.size() != 2 || b.size() != 2) node.fail("expected matrices");
  if (!builder.is_data(o.input)) node.fail("the first operand is a constant");
  Gemm shape;
  shape.m = trans_a ? a[1] : a[0];
  shape.k = trans_a ? a[0] : a[1];
  shape.n = trans_b ? b[0] : b[1];
  if (const std::int64_t rows = trans_b ? b[1] : b[0]; rows != shape.k)
    node.fail(fmt::format("{} columns meet {} rows", shape.k, rows));
  const Shape c_shape = c.empty() ? Shape{} : builder.shape(node, c);
  const bool is_bias = !c.empty() && alpha == 1 && beta == 1 && c_shape.size() <= 2 &&
                       !c_shape.empty() && c_shape.back() == shape.n &&
                       volume_of(c_shape) == shape.n;
  if (is_bias) o.bias = c;
  Prepared p = prepare(builder, o, false);
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
  const auto scaled = [&](const std::string& from, double factor, std::int64_t elements,
                          const char* suffix) {
    VectorOp op;
    op.kind = VectorKind::kAffine;
    op.cols = elements;
    op.alpha = factor;
    builder.add_step(node.output() + suffix, op, {from});
    return node.output() + suffix;
  };
  if (alpha != 1) sum = scaled(sum, alpha, shape.m * shape.n, ".alpha");
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
    addend = scaled(addend, beta, volume_of(c_shape), ".beta");
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
      {"QLinearConv", [](OnnxBuilder& builder,
                         const OnnxNode& node) { add_conv(builder, node, linear_operands(node)); }},
      {"Gemm", gemm},
      {"MatMul", matmul},
      {"MatMulInteger",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_product(builder, node, integer_operands(node));
         yield_accumulators(builder);
       }},
      {"QLinearMatMul",
       [](OnnxBuilder& builder, const OnnxNode& node) {
         add_product(builder, node, linear_operands(node));
       }},
  };
  return kRows;
}

}  // namespace bitjoule
