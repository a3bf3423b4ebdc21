// Products, fused or of codes, as other operators.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {
namespace {

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

/// Of two operands (or one), each letter once in each: a product of matrices between transposes.
class Einsum {
 public:
  explicit Einsum(OnnxWriter& w) : w_(w) {
    std::string equation = w.node.text("equation", "");
    equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
    if (equation.find("->") == std::string::npos) equation += "->" + implied(equation);
    const std::size_t arrow = equation.find("->"), comma = equation.find(',');
    if (equation.find('.') != std::string::npos) refuse(equation);
    a_ = equation.substr(0, std::min(comma, arrow));
    if (comma < arrow) b_ = equation.substr(comma + 1, arrow - comma - 1);
    out_ = equation.substr(arrow + 2);
    for (const std::string* term : {&a_, &b_, &out_})
      for (const char letter : *term)
        if (std::count(term->begin(), term->end(), letter) != 1) refuse(equation);
    if (w.node.inputs() != (comma < arrow ? 2 : 1) || b_.find(',') != std::string::npos)
      refuse(equation);
    for (const char letter : a_) sort_letter(letter, in(b_, letter), own_a_);
    for (const char letter : b_)
      if (!in(a_, letter)) sort_letter(letter, false, own_b_);
    for (const char letter : out_)
      if (!in(a_ + b_, letter)) refuse(equation);
    learn(a_, 0);
    if (!b_.empty()) learn(b_, 1);
  }

  void write() {
    if (b_.empty()) {
      const auto [x, term] = summed_over(0, a_, "sum");
      w_.add("Transpose", {x});
      w_.with("perm", order(term, out_));
      return;
    }
    const std::string a = matrices(0, a_, own_a_, summed_, "a");
    const std::string b = matrices(1, b_, summed_, own_b_, "b");
    const std::string product = w_.add("MatMul", {a, b}, "product");
    const std::string letters = shared_ + own_a_ + own_b_;
    Shape sizes;
    for (const char letter : letters) sizes.push_back(size(letter));
    const std::string whole =
        w_.add("Reshape", {product, w_.integers("product_shape", sizes)}, "whole");
    w_.add("Transpose", {whole});
    w_.with("perm", order(letters, out_));
  }

 private:
  static bool in(const std::string& term, char letter) {
    return term.find(letter) != std::string::npos;
  }
  [[noreturn]] void refuse(const std::string& equation) const {
    w_.node.fail(fmt::format("equation \"{}\" is not supported", equation));
  }
  /// Without an arrow: the letters that occur once, in alphabetical order.
  static std::string implied(const std::string& terms) {
    std::string out;
    for (const char letter : terms)
      if (letter != ',' && std::count(terms.begin(), terms.end(), letter) == 1) out += letter;
    std::sort(out.begin(), out.end());
    return out;
  }
  /// Letters of one operand that the result has not are summed first.
  void sort_letter(char letter, bool is_shared, std::string& own) {
    const bool stays = in(out_, letter);
    if (is_shared || stays) (!is_shared ? own : stays ? shared_ : summed_) += letter;
  }
  std::pair<std::string, std::string> summed_over(int operand, const std::string& term,
                                                  const std::string& part) {
    const std::string& other = operand == 0 ? b_ : a_;
    Shape axes;
    std::string left;
    for (std::size_t i = 0; i < term.size(); ++i)
      if (in(out_, term[i]) || in(other, term[i]))
        left += term[i];
      else
        axes.push_back(static_cast<std::int64_t>(i));
    if (axes.empty()) return {w_.node.input(operand), left};
    const std::string sum = w_.add("ReduceSum", {w_.node.input(operand)}, part);
    w_.with("axes", axes).with("keepdims", std::int64_t{0});
    return {sum, left};
  }
  void learn(const std::string& term, int operand) {
    const Shape shape = w_.shape(operand);
    if (shape.empty()) return;
    if (shape.size() != term.size()) w_.node.fail("its equation has other axes than its operands");
    for (std::size_t i = 0; i < term.size(); ++i) {
      const auto known = sizes_.insert({term[i], shape[i]}).first;
      if (known->second != shape[i]) w_.node.fail("its operands' sizes do not fit");
    }
  }
  std::int64_t size(char letter) const {
    const auto found = sizes_.find(letter);
    return found == sizes_.end() ? 1 : found->second;
  }
  static Shape order(const std::string& from, const std::string& to) {
    Shape perm;
    for (const char letter : to) perm.push_back(static_cast<std::int64_t>(from.find(letter)));
    return perm;
  }
  /// [shared, rows, columns], or [rows, columns] where nothing is shared.
  std::string matrices(int operand, const std::string& term, const std::string& rows,
                       const std::string& columns, const std::string& part) {
    const auto [x, left] = summed_over(operand, term, part + "_sum");
    const std::string moved = w_.add("Transpose", {x}, part);
    w_.with("perm", order(left, shared_ + rows + columns));
    Shape sizes(shared_.empty() ? 2 : 3, 1);
    for (const char letter : shared_) sizes[0] *= size(letter);
    for (const char letter : rows) sizes[sizes.size() - 2] *= size(letter);
    for (const char letter : columns) sizes.back() *= size(letter);
    return w_.add("Reshape", {moved, w_.integers(part + "_shape", sizes)}, part + "_matrices");
  }

  OnnxWriter& w_;
  std::string a_, b_, out_, shared_, summed_, own_a_, own_b_;
  std::map<char, std::int64_t> sizes_;
};
void einsum(OnnxWriter& w) { Einsum(w).write(); }

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
/// Constants with a scale for each block along an axis, or of floats of 8 or 4 bits: computed when
/// they are loaded.
void dequantize_blocks(OnnxWriter& w) {
  const int type = w.type(0);
  const bool is_float = type == kOnnxFloat8E4m3 || type == kOnnxFloat8E5m2 || type == kOnnxFloat4;
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
      {"", "Einsum", "equation:s", einsum},
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
