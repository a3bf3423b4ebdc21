// Rules of convolutions, matrix products, pools, norms and quantization.
#include <fmt/format.h>

#include <algorithm>

#include "sim/formats/onnx_fold.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;
using Infos = std::vector<OnnxInfo>;

void require_type(const OnnxOperands& in, int operand, std::initializer_list<int> types,
                  const char* expected) {
  if (in.has(operand) && std::find(types.begin(), types.end(), in.type(operand)) == types.end())
    in.node.fail(fmt::format("\"{}\": expected {}", in.node.input(operand), expected));
}

void require_byte(const OnnxOperands& in, int operand) {
  require_type(in, operand, {P::INT8, P::UINT8}, "int8 or uint8");
}

/// Whether a scale or zero-point is one value.
bool is_one(const Shape& shape) { return shape.size() <= 1 && volume_of(shape) == 1; }

/// One value, or `count` on one axis.
void require_scale(const OnnxOperands& in, int operand, std::int64_t count, const char* what) {
  if (!in.has(operand) || is_one(in.shape(operand))) return;
  if (count == 1 || in.shape(operand) != Shape{count})
    in.node.fail(fmt::format(
        "\"{}\": expected one value{}", in.node.input(operand),
        count == 1 ? std::string() : fmt::format(", or one for each of {} {}", count, what)));
}

Shape convolved(const OnnxOperands& in, int image, int weights) {
  const OnnxNode& node = in.node;
  const Shape &x = in.shape(image), &w = in.shape(weights);
  if (x.size() < 3) node.fail(fmt::format("expected an image of 3 axes or more, got {}", x.size()));
  if (w.size() != x.size())
    node.fail(fmt::format("an image of {} axes meets weights of {}", x.size(), w.size()));
  const Shape kernel(w.begin() + 2, w.end());
  if (node.has("kernel_shape") && node.integers("kernel_shape") != kernel)
    node.fail("kernel_shape differs from the weights");
  const std::int64_t groups = node.integer("group", 1);
  constexpr std::int64_t kMax = std::int64_t{1} << 31;
  if (groups < 1 || groups > kMax)
    node.fail(fmt::format("group: expected 1..{}, got {}", kMax, groups));
  if (x[1] % groups != 0 || x[1] / groups != w[1])
    node.fail(fmt::format("{} channels meet {} groups of {}", x[1], groups, w[1]));
  if (w[0] % groups != 0) node.fail(fmt::format("{} filters make no {} groups", w[0], groups));
  Shape out = {x[0], w[0]};
  for (const OnnxWindow& window : onnx_windows(node, x, kernel)) out.push_back(window.out);
  return out;
}

void require_bias(const OnnxOperands& in, int operand, std::int64_t filters) {
  if (in.has(operand) && in.shape(operand) != Shape{filters})
    in.node.fail(fmt::format("bias: expected {} values on one axis", filters));
}

Infos conv(const OnnxOperands& in) {
  const Shape out = convolved(in, 0, 1);
  require_bias(in, 2, out[1]);
  return {{in.type(0), out}};
}

Infos conv_integer(const OnnxOperands& in) {
  const Shape out = convolved(in, 0, 1);
  require_byte(in, 0);
  require_byte(in, 1);
  require_scale(in, 2, 1, "");
  require_scale(in, 3, out[1], "filters");
  return {{P::INT32, out}};
}

/// The operands that QLinearConv and QLinearMatMul share; weights have a scale for each of `count`.
int check_linear(const OnnxOperands& in, std::int64_t count, const char* what) {
  for (const int codes : {0, 3}) {
    require_byte(in, codes);
    if (in.type(codes + 2) != in.type(codes)) in.node.fail("codes and zero-point differ in type");
  }
  for (const int one : {1, 2, 6, 7}) require_scale(in, one, 1, "");
  for (const int each : {4, 5}) require_scale(in, each, count, what);
  require_byte(in, 7);
  return in.type(7);
}

Infos qlinear_conv(const OnnxOperands& in) {
  const Shape out = convolved(in, 0, 3);
  require_bias(in, 8, out[1]);
  return {{check_linear(in, out[1], "filters"), out}};
}

Shape product(const OnnxOperands& in, int first, int second) {
  const OnnxNode& node = in.node;
  Shape a = in.shape(first), b = in.shape(second);
  if (a.empty() || b.empty()) node.fail("expected matrices");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const std::int64_t rows = b[b.size() - 2];
  if (a.back() != rows) node.fail(fmt::format("{} columns meet {} rows", a.back(), rows));
  Shape out = onnx_broadcast(node, Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!row) out.push_back(a[a.size() - 2]);
  if (!column) out.push_back(b.back());
  return out;
}

Infos matmul(const OnnxOperands& in) {
  if (in.type(0) != in.type(1)) in.node.fail("its operands differ in type");
  return {{in.type(0), product(in, 0, 1)}};
}

/// Sums in double. Throws an input Error where that is much work.
std::vector<StoredTensor> fold_matmul(const OnnxOperands& in, const Infos& out) {
  Shape a = in.shape(0), b = in.shape(1), shape = out[0].shape;
  if (a.size() == 1) {
    a.insert(a.begin(), 1);
    shape.insert(shape.end() - (b.size() == 1 ? 0 : 1), 1);
  }
  if (b.size() == 1) {
    b.push_back(1);
    shape.push_back(1);
  }
  const std::int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
  constexpr double kMost = 1 << 28;
  if (static_cast<double>(volume_of(shape)) * static_cast<double>(k) > kMost)
    in.node.fail(
        fmt::format("a product of constants of more than {} multiplications; fold "
                    "constants before the import",
                    kMost));
  // Where a matrix of the result takes its operands from.
  const auto matrices = [&](Shape of) {
    const std::int64_t size = of[of.size() - 2] * of.back();
    of.resize(of.size() - 2);
    const Shape strides = strides_of(of),
                places = strides_of(Shape(shape.begin(), shape.end() - 2));
    const std::size_t ahead = places.size() - of.size();
    return [=](std::int64_t matrix) {
      std::int64_t at = 0;
      for (std::size_t i = 0; i < places.size(); matrix %= places[i], ++i)
        if (i >= ahead && of[i - ahead] != 1) at += matrix / places[i] * strides[i - ahead];
      return static_cast<std::size_t>(at * size);
    };
  };
  const auto first = matrices(a), second = matrices(b);
  const OnnxNumbers x = numbers_of(in.value(0)), y = numbers_of(in.value(1));
  if (x.integer || y.integer) in.node.fail("expected floats");
  OnnxNumbers z;
  for (std::int64_t matrix = 0, count = volume_of(shape) / std::max<std::int64_t>(1, m * n);
       matrix < count; ++matrix)
    for (std::int64_t row = 0; row < m; ++row)
      for (std::int64_t column = 0; column < n; ++column) {
        double sum = 0;
        const std::size_t left = first(matrix), right = second(matrix);
        for (std::int64_t i = 0; i < k; ++i)
          sum += x.real[left + static_cast<std::size_t>(row * k + i)] *
                 y.real[right + static_cast<std::size_t>(i * n + column)];
        z.real.push_back(sum);
      }
  return {tensor_of(in.node, out[0], z)};
}

std::int64_t columns(const Shape& b) { return b.size() < 2 ? 1 : b.back(); }

Infos matmul_integer(const OnnxOperands& in) {
  const Shape out = product(in, 0, 1);
  require_byte(in, 0);
  require_byte(in, 1);
  require_scale(in, 2, 1, "");
  require_scale(in, 3, columns(in.shape(1)), "columns");
  return {{P::INT32, out}};
}

Infos qlinear_matmul(const OnnxOperands& in) {
  const Shape out = product(in, 0, 3);
  return {{check_linear(in, columns(in.shape(3)), "columns"), out}};
}

Infos gemm(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const Shape &a = in.shape(0), &b = in.shape(1);
  if (a.size() != 2 || b.size() != 2) node.fail("expected matrices");
  const bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
  const Shape out = {trans_a ? a[1] : a[0], trans_b ? b[0] : b[1]};
  const std::int64_t k = trans_a ? a[0] : a[1], rows = trans_b ? b[1] : b[0];
  if (rows != k) node.fail(fmt::format("{} columns meet {} rows", k, rows));
  if (in.has(2) && onnx_broadcast(node, in.shape(2), out) != out)
    node.fail("the third operand is larger than the product");
  return {{in.type(0), out}};
}

Infos pool(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  if (!in.node.has("kernel_shape")) in.node.fail("attribute kernel_shape is missing");
  if (x.size() < 3) in.node.fail(fmt::format("expected 3 axes or more, got {}", x.size()));
  Shape out = {x[0], x[1]};
  for (const OnnxWindow& w : onnx_windows(in.node, x, in.node.integers("kernel_shape"))) {
    const std::int64_t reach = w.dilation * (w.kernel - 1) + 1;
    const std::int64_t end = (w.out - 1) * w.stride - w.before;  // where the last window begins
    if (w.before >= reach || end >= w.size)
      in.node.fail("pads: a window lies wholly in the padding");
    out.push_back(w.out);
  }
  return {{in.type(0), out}, {P::INT64, out}};
}

Infos global_pool(const OnnxOperands& in) {
  Shape out = in.shape(0);
  if (out.size() < 3) in.node.fail(fmt::format("expected 3 axes or more, got {}", out.size()));
  std::fill(out.begin() + 2, out.end(), 1);
  return {{in.type(0), out}};
}

Infos batch_norm(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  if (x.size() < 2) in.node.fail("expected channels: 2 axes or more");
  for (int i = 1; i < 5; ++i)
    if (in.shape(i) != Shape{x[1]})
      in.node.fail(fmt::format("\"{}\": expected {} values on one axis", in.node.input(i), x[1]));
  if (in.node.integer("training_mode", 0) != 0) in.node.fail("training mode is not supported");
  if (in.node.integer("spatial", 1) != 1) in.node.fail("spatial 0 is not supported");
  Infos out(5, {in.type(3), {x[1]}});
  out[0] = in.info(0);
  return out;
}

Infos layer_norm(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  const std::int64_t axis = in.node.settled_axis(in.node.integer("axis", -1), x.size());
  const Shape row(x.begin() + axis, x.end());
  for (int i = 1; i < 3; ++i)
    if (in.has(i) && volume_of(in.shape(i)) != volume_of(row))
      in.node.fail(fmt::format("\"{}\": expected {} values", in.node.input(i), volume_of(row)));
  Shape rows = x;
  std::fill(rows.begin() + axis, rows.end(), 1);
  return {in.info(0), {P::FLOAT, rows}, {P::FLOAT, rows}};
}

Infos lrn(const OnnxOperands& in) {
  if (in.shape(0).size() < 3) in.node.fail("expected an image of 3 axes or more");
  const std::int64_t size = in.node.integer("size", 0);
  if (size < 1 || size > in.shape(0)[1] * 2)
    in.node.fail(fmt::format("size: expected 1..{}, got {}", in.shape(0)[1] * 2, size));
  return {in.info(0)};
}

/// Scale and zero-point of QuantizeLinear and DequantizeLinear: one value, or one for each index of
/// an axis (opset 13 on).
void check_affine(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  if (const std::int64_t block = node.integer("block_size", 0); block != 0)
    node.fail(
        fmt::format("block_size {}: blocked scales are not read; dequantize the weights, or "
                    "quantize them with one scale per channel",
                    block));
  const Shape &x = in.shape(0), &scale = in.shape(1);
  if (in.has(2) && in.shape(2) != scale && !(is_one(in.shape(2)) && is_one(scale)))
    node.fail("scale and zero-point differ in shape");
  if (is_one(scale)) return;
  if (node.opset() < 13) node.fail("the scale has several values, which came with opset 13");
  if (scale.size() != 1)
    node.fail(fmt::format("the scale has {} axes, expected one at most", scale.size()));
  const auto axis = static_cast<std::size_t>(node.settled_axis(node.integer("axis", 1), x.size()));
  if (scale[0] != x[axis])
    node.fail(fmt::format("{} scales meet an axis of {}", scale[0], x[axis]));
}

Infos quantize(const OnnxOperands& in) {
  check_affine(in);
  const auto named = static_cast<int>(in.node.integer("output_dtype", 0));
  const int type = in.has(2) ? in.type(2) : named != 0 ? named : int{P::UINT8};
  if (in.has(2) && named != 0 && named != type)
    in.node.fail("output_dtype differs from the zero-point's type");
  if (type != P::INT8 && type != P::UINT8 && type != P::INT16 && type != P::UINT16)
    in.node.fail("it yields no integers of 8 or 16 bits, which alone are supported");
  return {{type, in.shape(0)}};
}

Infos dequantize(const OnnxOperands& in) {
  check_affine(in);
  require_type(in, 0, {P::INT8, P::UINT8, P::INT16, P::UINT16, P::INT32, kOnnxInt4, kOnnxUint4},
               "integers of 4, 8, 16 or 32 bits");
  if (in.has(2) && in.type(2) != in.type(0)) in.node.fail("codes and zero-point differ in type");
  const auto named = static_cast<int>(in.node.integer("output_dtype", 0));
  return {{named != 0 ? named : in.type(1), in.shape(0)}};
}

Infos dynamic_quantize(const OnnxOperands& in) {
  return {{P::UINT8, in.shape(0)}, {P::FLOAT, {}}, {P::UINT8, {}}};
}

}  // namespace

const std::vector<OnnxRule>& onnx_mac_rules() {
  static const std::string kConv = "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I";
  static const std::string kPool =
      "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I strides:I";
  static const std::string kMaxPool = kPool + " storage_order:i";
  static const std::string kAveragePool = kPool + " count_include_pad:i";
  static const std::vector<OnnxRule> kRows = {
      {"Conv", 2, 3, 1, kConv.c_str(), conv, nullptr},
      {"ConvInteger", 2, 4, 1, kConv.c_str(), conv_integer, nullptr},
      {"QLinearConv", 8, 9, 1, kConv.c_str(), qlinear_conv, nullptr},
      {"Gemm", 2, 3, 1, "alpha:f beta:f broadcast:i transA:i transB:i", gemm, nullptr},
      {"MatMul", 2, 2, 1, "", matmul, fold_matmul},
      {"MatMulInteger", 2, 4, 1, "", matmul_integer, nullptr},
      {"QLinearMatMul", 8, 8, 1, "", qlinear_matmul, nullptr},
      {"MaxPool", 1, 1, 2, kMaxPool.c_str(), pool, nullptr},
      {"AveragePool", 1, 1, 1, kAveragePool.c_str(), pool, nullptr},
      {"GlobalAveragePool", 1, 1, 1, "", global_pool, nullptr},
      {"GlobalMaxPool", 1, 1, 1, "", global_pool, nullptr},
      {"BatchNormalization", 5, 5, 5, "epsilon:f momentum:f training_mode:i spatial:i is_test:i",
       batch_norm, nullptr},
      {"LayerNormalization", 2, 3, 3, "axis:i epsilon:f stash_type:i", layer_norm, nullptr},
      {"LRN", 1, 1, 1, "alpha:f beta:f bias:f size:i", lrn, nullptr},
      {"QuantizeLinear", 2, 3, 1, "axis:i block_size:i output_dtype:i precision:i saturate:i",
       quantize, nullptr},
      {"DequantizeLinear", 2, 3, 1, "axis:i block_size:i output_dtype:i", dequantize, nullptr},
      {"DynamicQuantizeLinear", 1, 1, 3, "", dynamic_quantize, nullptr},
  };
  return kRows;
}

}  // namespace bitjoule
