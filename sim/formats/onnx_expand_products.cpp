// Products, fused or of codes, as other operators.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;
using Names = std::vector<std::string>;

// Fused products of com.microsoft.

/// alpha * A * B, each with its last two axes exchanged where asked for.
void fused_matmul(OnnxWriter& w) {
  if (w.node.integer("transBatchA", 0) != 0 || w.node.integer("transBatchB", 0) != 0)
    w.node.fail("transBatchA and transBatchB are not supported");
  const auto operand = [&](int i, const char* attribute, const char* part) {
    if (w.node.integer(attribute, 0) == 0) return w.node.input(i);
    Shape perm;
    const std::size_t rank = w.shape(i).size();
    for (std::size_t a = 0; a < rank; ++a) perm.push_back(static_cast<std::int64_t>(a));
    if (rank > 1) std::swap(perm[rank - 1], perm[rank - 2]);
    std::string moved = w.add("Transpose", {w.node.input(i)}, part);
    w.with("perm", perm);
    return moved;
  };
  const std::string a = operand(0, "transA", "a"), b = operand(1, "transB", "b");
  const double alpha = w.node.real("alpha", 1);
  if (alpha == 1) {
    w.add("MatMul", {a, b});
    return;
  }
  w.add("Mul", {w.add("MatMul", {a, b}, "product"), w.number("alpha", alpha)});
}

void copy_attributes(OnnxWriter& w, const Names& but) {
  for (const onnx::AttributeProto& attribute : w.node.proto().attribute())
    if (std::find(but.begin(), but.end(), attribute.name()) == but.end())
      *w.nodes.back().add_attribute() = attribute;
}

/// Products of integers, by those of their numbers.
void whole_product(OnnxWriter& w) {
  const int type = w.type(0) != 0 ? w.type(0) : w.type(1);  // only constants may be known
  if (type == 0 || type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::FLOAT16 ||
      type == onnx::TensorProto::BFLOAT16 || type == onnx::TensorProto::DOUBLE)
    return;
  Names real;
  for (int i = 0; w.has(i); ++i) {
    real.push_back(w.add("Cast", {w.node.input(i)}, fmt::format("real{}", i)));
    w.with("to", std::int64_t{onnx::TensorProto::FLOAT});
  }
  const std::string y = w.add(w.node.op(), real, "product");
  copy_attributes(w, {});
  w.add("Cast", {y});
  w.with("to", std::int64_t{type});
}

void fused_conv(OnnxWriter& w) {
  const std::string activation = w.node.text("activation", "");
  Names inputs = {w.node.input(0), w.node.input(1)};
  if (w.has(2)) inputs.push_back(w.node.input(2));
  const bool ends = activation.empty() && !w.has(3);
  std::string y = w.add("Conv", inputs, ends ? "" : "conv");
  copy_attributes(w, {"activation", "activation_params"});
  if (w.has(3)) y = w.add("Add", {y, w.node.input(3)}, activation.empty() ? "" : "sum");
  if (activation.empty()) return;
  w.add(activation, {y});
  if (const auto* p = w.node.find("activation_params"); p != nullptr && p->floats_size() > 0) {
    const char* const names[] = {"alpha", "beta"};
    if (activation == "Clip" || p->floats_size() > 2)
      w.node.fail("its activation's parameters are not supported");
    for (int i = 0; i < p->floats_size(); ++i) w.with(names[i], static_cast<double>(p->floats(i)));
  }
}

void fused_gemm(OnnxWriter& w) {
  const std::string activation = w.node.text("activation", "");
  Names inputs = {w.node.input(0), w.node.input(1)};
  if (w.has(2)) inputs.push_back(w.node.input(2));
  const std::string y = w.add("Gemm", inputs, activation.empty() ? "" : "gemm");
  copy_attributes(w, {"activation", "activation_alpha", "activation_beta", "activation_gamma"});
  if (activation.empty()) return;
  w.add(activation, {y});
  for (const char* const name : {"alpha", "beta", "gamma"})
    if (const std::string given = std::string("activation_") + name; w.node.has(given.c_str()))
      w.with(name, w.node.real(given.c_str(), 0));
}

/// acc32 * (sA * sB) + bias, with A quantized by the row's extremes (DynamicQuantizeMatMul) or
/// before.
void integer_product(OnnxWriter& w, const Names& codes, const std::string& scale, int bias) {
  const std::string sums = w.add("MatMulInteger", codes, "sums");
  const std::string real = w.add("Cast", {sums}, "real");
  w.with("to", std::int64_t{onnx::TensorProto::FLOAT});
  const std::string scaled = w.add("Mul", {real, scale}, w.has(bias) ? "scaled" : "");
  if (w.has(bias)) w.add("Add", {scaled, w.node.input(bias)});
}

void dynamic_quantize_matmul(OnnxWriter& w) {
  const std::string codes = w.add("DynamicQuantizeLinear", {w.node.input(0)}, "codes");
  w.nodes.back().add_output(w.name("scale"));
  w.nodes.back().add_output(w.name("zero"));
  Names operands = {codes, w.node.input(1), w.name("zero")};
  if (w.has(3)) operands.push_back(w.node.input(3));
  const std::string scale = w.add("Mul", {w.name("scale"), w.node.input(2)}, "scales");
  integer_product(w, operands, scale, 4);
}

void matmul_integer_to_float(OnnxWriter& w) {
  Names operands = {w.node.input(0), w.node.input(1), w.node.input(4), w.node.input(5)};
  while (operands.back().empty()) operands.pop_back();
  const std::string scale = w.add("Mul", {w.node.input(2), w.node.input(3)}, "scales");
  integer_product(w, operands, scale, 6);
}

/// Packed weights of 2, 4 or 8 bits with a scale for each block of a row.
void matmul_nbits(OnnxWriter& w) {
  if (w.has(4)) w.node.fail("g_idx is not supported");
  if (w.node.integer("weight_prepacked", 0) != 0)
    w.node.fail("prepacked weights are not supported");
  Names stored = {w.node.input(1), w.node.input(2)};
  if (w.has(3)) stored.push_back(w.node.input(3));
  const std::string weights = w.add("DequantizeBits", stored, "weights");
  for (const char* name : {"K", "N", "block_size"}) w.with(name, w.node.integer(name, 0));
  w.with("bits", w.node.integer("bits", 4)).in_domain(kOwnDomain);
  const std::string product =
      w.add("MatMul", {w.node.input(0), weights}, w.has(5) ? "product" : "");
  if (w.has(5)) w.add("Add", {product, w.node.input(5)});
}

// Quantized operators of com.microsoft, as their definitions say: dequantized, computed in floats,
// quantized.

std::string real_of(OnnxWriter& w, int first, const std::string& part) {
  Names inputs = {w.node.input(first), w.node.input(first + 1)};
  if (w.has(first + 2)) inputs.push_back(w.node.input(first + 2));
  return w.add("DequantizeLinear", inputs, part);
}
void code_of(OnnxWriter& w, const std::string& y, int scale) {
  Names inputs = {y, w.node.input(scale)};
  if (w.has(scale + 1)) inputs.push_back(w.node.input(scale + 1));
  w.add("QuantizeLinear", inputs);
}
template <const char* const& Op>
void qlinear_binary(OnnxWriter& w) {
  const std::string a = real_of(w, 0, "a"), b = real_of(w, 3, "b");
  code_of(w, w.add(Op, {a, b}, "real"), 6);
}
template <const char* const& Op>
void qlinear_unary(OnnxWriter& w) {
  const std::string y = w.add(Op, {real_of(w, 0, "x")}, "real");
  copy_attributes(w, {"channels_last", "opset"});
  // Softmax of an opset before 13 works on another row.
  if ((w.node.integer("opset", w.node.opset()) < 13) != (w.node.opset() < 13))
    w.node.fail(fmt::format("opset {} in a graph of opset {} is not supported",
                            w.node.integer("opset", 0), w.node.opset()));
  if (w.node.integer("channels_last", 0) != 0) w.node.fail("channels_last is not supported");
  code_of(w, y, 3);
}
void qlinear_concat(OnnxWriter& w) {
  Names parts;
  for (int i = 2; i + 1 < w.node.inputs(); i += 3)
    parts.push_back(real_of(w, i, fmt::format("part{}", i / 3)));
  const std::string y = w.add("Concat", parts, "real");
  w.with("axis", w.node.integer("axis", 0));
  code_of(w, y, 0);
}
// A scale for each block along an axis.

bool is_narrow_float(int type) {
  return type == kOnnxFloat8E4m3 || type == kOnnxFloat8E5m2 || type == kOnnxFloat4;
}

/// What an operand says of blocks, or of the places of an axis, for each element.
std::string of_elements(OnnxWriter& w, int operand, const char* part) {
  const std::string& given = w.node.input(operand);
  const Shape x = w.shape(0), stated = w.shape(operand);
  const std::int64_t block = w.node.integer("block_size", 0);
  if (block == 0 && volume_of(stated) == 1) return given;
  const auto axis =
      static_cast<std::size_t>(w.node.settled_axis(w.node.integer("axis", 1), x.size()));
  Shape along(x.size(), 1);
  along[axis] = x[axis];
  if (block == 0 && stated == Shape{x[axis]}) return w.reshaped(given, along, part);
  if (block < 1 || block > kMaxTensorElements) w.node.fail(fmt::format("block_size {}", block));
  Shape expected = x;
  expected[axis] = (x[axis] + block - 1) / block;
  if (stated != expected) w.node.fail("its scales do not fit its blocks");
  Shape places = counted(0, x[axis]);
  for (std::int64_t& place : places) place /= block;
  const std::string name = part;
  std::string y = w.add("Gather", {given, w.sized(name + "_places", places)}, name);
  w.with("axis", static_cast<std::int64_t>(axis));
  return y;
}
/// Data: code by code.
void dequantize_data(OnnxWriter& w) {
  if (w.shape(0).empty()) return;
  const auto real = [&](const std::string& codes, const char* part) {
    std::string y = w.add("Cast", {codes}, part);
    w.with("to", std::int64_t{P::FLOAT});
    return y;
  };
  std::string codes = real(w.node.input(0), "codes");
  if (w.has(2) && !is_narrow_float(w.type(2)))  // those are 0
    codes = w.add("Sub", {codes, real(of_elements(w, 2, "zeros"), "real_zeros")}, "centred");
  const std::int64_t to = w.node.integer("output_dtype", w.type(1));
  const std::string scales = of_elements(w, 1, "scales");
  w.add("Mul", {codes, w.type(1) == P::FLOAT ? scales : real(scales, "real_scales")}, "real");
  w.add("Cast", {w.name("real")});
  w.with("to", to);
}
/// The nearest code, of two the even one.
void quantize_blocks(OnnxWriter& w) {
  const auto named = static_cast<int>(w.node.integer("output_dtype", 0));
  const int type = w.has(2) ? w.type(2) : named != 0 ? named : int{P::UINT8};
  const bool is_float = is_narrow_float(type);
  if ((w.node.integer("block_size", 0) == 0 && !is_float) || w.shape(0).empty()) return;
  double low = 0, high = 255;
  if (type == P::INT8) low = -128, high = 127;
  if (type == P::INT16) low = -32768, high = 32767;
  if (type == P::UINT16) high = 65535;
  if (!is_float && type != P::INT8 && type != P::UINT8 && type != P::INT16 && type != P::UINT16)
    w.node.fail("it yields neither integers of 8 or 16 bits nor floats of 8");
  std::string y = w.add("Div", {w.node.input(0), of_elements(w, 1, "scales")}, "steps");
  if (is_float) {
    w.add("Cast", {y});
    w.with("to", std::int64_t{type}).with("saturate", w.node.integer("saturate", 1));
    return;
  }
  y = w.add("Round", {y}, "codes");
  if (w.has(2)) {
    const std::string zeros = w.add("Cast", {of_elements(w, 2, "zeros")}, "real_zeros");
    w.with("to", std::int64_t{P::FLOAT});
    y = w.add("Add", {y, zeros}, "shifted");
  }
  y = w.add("Clip", {y, w.number("low", low), w.number("high", high)}, "held");
  w.add("Cast", {y});
  w.with("to", std::int64_t{type});
}
/// Constants with a scale for each block along an axis, or of floats of 8 or 4 bits: computed when
/// they are loaded.
void dequantize_blocks(OnnxWriter& w) {
  const bool is_float = is_narrow_float(w.type(0));
  if ((w.node.integer("block_size", 0) != 0 || is_float) && !w.is_constant(w.node.input(0)) &&
      !w.reads_constants())
    return dequantize_data(w);
  if (w.node.integer("block_size", 0) == 0 && !is_float) return;
  const Names all(w.node.proto().input().begin(), w.node.proto().input().end());
  w.add("DequantizeCodes", all);
  copy_attributes(w, {});
  w.in_domain(kOwnDomain);
}
/// The same operators in ONNX's own domain.
void standard(OnnxWriter& w) {
  const Names all(w.node.proto().input().begin(), w.node.proto().input().end());
  w.add(w.node.op(), all);
  copy_attributes(w, {});
}
/// C has the products of the operands' scales.
void qgemm(OnnxWriter& w) {
  Names inputs = {real_of(w, 0, "a"), real_of(w, 3, "b")};
  const double alpha = w.node.real("alpha", 1);
  if (w.has(6)) {
    const std::string scale = w.add("Mul", {w.node.input(1), w.node.input(4)}, "bias_scale");
    inputs.push_back(w.add("DequantizeLinear", {w.node.input(6), scale}, "bias"));
    w.with("axis", std::int64_t{0});
    if (alpha != 1)
      inputs.back() = w.add("Mul", {inputs.back(), w.number("alpha", alpha)}, "bias_scaled");
  }
  const std::string y = w.add("Gemm", inputs, w.has(7) ? "real" : "");
  copy_attributes(w, {});
  if (w.has(7)) code_of(w, y, 7);
}
void gemm_fast_gelu(OnnxWriter& w) {
  std::string y = w.add("MatMul", {w.node.input(0), w.node.input(1)}, "product");
  if (w.has(2)) y = w.add("Add", {y, w.node.input(2)}, "biased");
  w.add("Gelu", {y});
  w.with("approximate", std::string("tanh"));
}
const char* const kOfAdd = "Add";
const char* const kOfMul = "Mul";
const char* const kOfSigmoid = "Sigmoid";
const char* const kOfLeakyRelu = "LeakyRelu";
const char* const kOfGlobalAveragePool = "GlobalAveragePool";
const char* const kOfAveragePool = "AveragePool";
const char* const kOfSoftmax = "Softmax";

// Transposed convolutions: zeros between the pixels and around them, then a convolution by the
// turned kernel.

void conv_transpose(OnnxWriter& w) {
  const Shape x = w.shape(0), k = w.shape(1);
  const std::string turned = w.add("TurnKernel", {w.node.input(1)}, "turned");
  const std::int64_t group = w.node.integer("group", 1);
  w.with("group", group).in_domain(kOwnDomain);
  Names inputs = {"", turned};
  if (w.has(2)) inputs.push_back(w.node.input(2));
  if (x.empty()) {  // only constants are asked for
    w.add("Conv", {w.node.input(0), turned});
    return;
  }
  const std::size_t axes = x.size() - 2;
  if (x.size() < 3 || x.size() > 5 || k.size() != x.size())
    w.node.fail("expected an image of 1 to 3 axes and its kernels");
  const auto values = [&](const char* name, std::int64_t otherwise, std::size_t count) {
    Shape given = w.node.integers(name, Shape(count, otherwise));
    if (given.size() != count) w.node.fail(fmt::format("{}: expected {} values", name, count));
    return given;
  };
  const Shape strides = values("strides", 1, axes), dilations = values("dilations", 1, axes);
  const Shape extra = values("output_padding", 0, axes), pads = values("pads", 0, 2 * axes);
  const Shape wanted = w.node.integers("output_shape");
  const std::string mode = w.node.text("auto_pad", "NOTSET");
  if (!wanted.empty() && wanted.size() != axes) w.node.fail("output_shape: does not fit");
  Shape sizes = {x[0], x[1]}, starts = {0, 0}, steps = {1, 1};
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t reach = dilations[i] * (k[i + 2] - 1);
    if (strides[i] < 1 || dilations[i] < 1) w.node.fail("expected positive strides and dilations");
    std::int64_t before = pads[i], out = (x[i + 2] - 1) * strides[i] + reach + 1 + extra[i] -
                                         pads[i] - pads[axes + i];
    const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (same || !wanted.empty()) {
      const std::int64_t full = (x[i + 2] - 1) * strides[i] + reach + 1 + extra[i];
      out = wanted.empty() ? x[i + 2] * strides[i] : wanted[i];
      const std::int64_t all = std::max<std::int64_t>(0, full - out);
      before = mode == "SAME_UPPER" ? all / 2 : all - all / 2;
    }
    if (out < 1 || before < 0 || before > reach)
      w.node.fail("paddings that exceed the kernel are not supported");
    sizes.push_back(out + reach);
    starts.push_back(reach - before);
    steps.push_back(strides[i]);
  }
  inputs[0] = w.add("SpreadImage", {w.node.input(0)}, "spread");
  w.with("sizes", sizes).with("starts", starts).with("steps", steps).in_domain(kOwnDomain);
  w.add("Conv", inputs);
  w.with("dilations", dilations).with("group", group);
}

}  // namespace

std::vector<OnnxExpansion> onnx_product_expansions() {
  static const char* const kMs = "com.microsoft";
  return {
      {"", "ConvTranspose",
       "auto_pad:s dilations:I kernel_shape:I pads:I strides:I group:i "
       "output_padding:I output_shape:I",
       conv_transpose},
      {"", "DequantizeLinear", "axis:i block_size:i output_dtype:i", dequantize_blocks},
      {"", "QuantizeLinear", "axis:i block_size:i output_dtype:i precision:i saturate:i",
       quantize_blocks},
      {"", "Einsum", "equation:s", expand_einsum},
      {"", "Gemm", "", whole_product},
      {"", "MatMul", "", whole_product},
      {kMs, "DynamicQuantizeMatMul", "", dynamic_quantize_matmul},
      {kMs, "MatMulIntegerToFloat", "", matmul_integer_to_float},
      {kMs, "MatMulNBits", "K:i N:i accuracy_level:i bits:i block_size:i weight_prepacked:i",
       matmul_nbits},
      {kMs, "FusedMatMul", "alpha:f transA:i transB:i transBatchA:i transBatchB:i", fused_matmul},
      {kMs, "FusedConv",
       "auto_pad:s dilations:I kernel_shape:I pads:I strides:I group:i "
       "activation:s activation_params:F",
       fused_conv},
      {kMs, "FusedGemm",
       "activation:s activation_alpha:f activation_beta:f activation_gamma:f "
       "alpha:f beta:f transA:i transB:i",
       fused_gemm},
      {kMs, "DequantizeLinear", "axis:i block_size:i", standard},
      {kMs, "GemmFastGelu", "", gemm_fast_gelu},
      {kMs, "QGemm", "alpha:f transA:i transB:i", qgemm},
      {kMs, "QuantizeLinear", "axis:i block_size:i saturate:i", standard},
      {kMs, "QLinearAdd", "", qlinear_binary<kOfAdd>},
      {kMs, "QLinearMul", "", qlinear_binary<kOfMul>},
      {kMs, "QLinearSigmoid", "", qlinear_unary<kOfSigmoid>},
      {kMs, "QLinearLeakyRelu", "alpha:f", qlinear_unary<kOfLeakyRelu>},
      {kMs, "QLinearGlobalAveragePool", "channels_last:i", qlinear_unary<kOfGlobalAveragePool>},
      {kMs, "QLinearAveragePool",
       "auto_pad:s dilations:I kernel_shape:I pads:I strides:I ceil_mode:i "
       "channels_last:i count_include_pad:i",
       qlinear_unary<kOfAveragePool>},
      {kMs, "QLinearSoftmax", "axis:i opset:i", qlinear_unary<kOfSoftmax>},
      {kMs, "QLinearConcat", "axis:i", qlinear_concat},
  };
}

}  // namespace bitjoule
