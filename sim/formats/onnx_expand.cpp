#include "sim/formats/onnx_expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace bitjoule {
namespace {

onnx::AttributeProto& new_attribute(onnx::NodeProto& node, const char* name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

using Names = std::vector<std::string>;

// Norms.

/// (x - mean) / sqrt(variance + epsilon) over the last axis.
std::string normalized(OnnxWriter& w, const std::string& x, double epsilon) {
  const std::string mean = w.add("ReduceMean", {x}, "mean");
  w.with("axes", Shape{-1});
  const std::string centred = w.add("Sub", {x, mean}, "centred");
  const std::string squares = w.add("Mul", {centred, centred}, "squares");
  const std::string variance = w.add("ReduceMean", {squares}, "variance");
  w.with("axes", Shape{-1});
  const std::string shifted = w.add("Add", {variance, w.number("epsilon", epsilon)}, "shifted");
  return w.add("Div", {centred, w.add("Sqrt", {shifted}, "deviation")}, "normalized");
}

/// Back to the operand's shape, and a scale and a bias for each channel.
void scale_channels(OnnxWriter& w, const std::string& x) {
  const std::string shape = w.add("Shape", {w.node.input(0)}, "shape");
  const std::string back = w.add("Reshape", {x, shape}, "image");
  const std::size_t rank = w.shape(0).size();
  Shape axes;
  for (std::size_t i = 1; i + 1 < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  const auto per_channel = [&](int operand, const char* part) {
    std::string name = w.add("Unsqueeze", {w.node.input(operand)}, part);
    w.with("axes", axes);
    return name;
  };
  const std::string scaled = w.add("Mul", {back, per_channel(1, "scale")}, "scaled");
  w.add("Add", {scaled, per_channel(2, "bias")});
}

void instance_norm(OnnxWriter& w) {
  const std::string rows =
      w.add("Reshape", {w.node.input(0), w.integers("rows_shape", {0, 0, -1})}, "rows");
  scale_channels(w, normalized(w, rows, w.node.real("epsilon", 1e-5)));
}

void group_norm(OnnxWriter& w) {
  const std::int64_t groups = w.node.integer("num_groups", 0);
  const Shape scale = w.shape(1), x = w.shape(0);
  if (groups < 1) w.node.fail(fmt::format("num_groups: {}", groups));
  if (scale.size() == 1 && x.size() > 1 && scale[0] != x[1])
    w.node.fail("a scale for each group, as until opset 20, is not supported");
  const std::string rows =
      w.add("Reshape", {w.node.input(0), w.integers("rows_shape", {0, groups, -1})}, "rows");
  scale_channels(w, normalized(w, rows, w.node.real("epsilon", 1e-5)));
}

/// x / sqrt(mean x^2 + epsilon) * scale over the last axis.
void rms_norm(OnnxWriter& w) {
  const auto rank = static_cast<std::int64_t>(w.shape(0).size());
  const std::int64_t axis = w.node.integer("axis", -1);
  if (rank > 0 && axis != -1 && axis != rank - 1)
    w.node.fail(fmt::format("axis {}: only the last is supported", axis));
  const std::string& x = w.node.input(0);
  const std::string squares = w.add("Mul", {x, x}, "squares");
  const std::string mean = w.add("ReduceMean", {squares}, "mean");
  w.with("axes", Shape{-1});
  const std::string shifted =
      w.add("Add", {mean, w.number("epsilon", w.node.real("epsilon", 1e-5))}, "shifted");
  const std::string root = w.add("Sqrt", {shifted}, "root");
  w.add("Mul", {w.add("Div", {x, root}, "normalized"), w.node.input(1)});
}

void require_one_output(const OnnxWriter& w, int most) {
  for (int i = most; i < w.node.outputs(); ++i)
    if (!w.node.output(i).empty())
      w.node.fail(fmt::format("its output {} is not supported", i + 1));
}

/// (input + skip) + bias, then a norm; the fourth output is that sum.
std::string skipped(OnnxWriter& w, int bias) {
  for (int i = 1; i < std::min(3, w.node.outputs()); ++i)
    if (!w.node.output(i).empty())
      w.node.fail(fmt::format("its output {} is not supported", i + 1));
  std::string sum = w.add("Add", {w.node.input(0), w.node.input(1)}, "sum");
  if (w.has(bias)) sum = w.add("Add", {sum, w.node.input(bias)}, "sum_and_bias");
  const bool yields_sum = w.node.outputs() > 3 && !w.node.output(3).empty();
  return yields_sum ? w.to_output(3) : sum;
}

void skip_layer_norm(OnnxWriter& w) {
  Names inputs = {skipped(w, 4), w.node.input(2)};
  if (w.has(3)) inputs.push_back(w.node.input(3));
  w.add("LayerNormalization", inputs);
  w.with("epsilon", w.node.real("epsilon", 1e-12));
}

void skip_rms_norm(OnnxWriter& w) {
  const std::string sum = skipped(w, 3);
  w.add("RMSNormalization", {sum, w.node.input(2)});
  w.with("epsilon", w.node.real("epsilon", 1e-12));
}

void simplified_layer_norm(OnnxWriter& w) {
  require_one_output(w, 1);
  w.add("RMSNormalization", {w.node.input(0), w.node.input(1)});
  w.with("epsilon", w.node.real("epsilon", 1e-5)).with("axis", w.node.integer("axis", -1));
}

// Activations.

void softsign(OnnxWriter& w) {
  const std::string& x = w.node.input(0);
  const std::string one = w.number("one", 1);
  w.add("Div", {x, w.add("Add", {w.add("Abs", {x}, "magnitude"), one}, "divisor")});
}

void gelu_of(OnnxWriter& w, const char* approximate) {
  std::string x = w.node.input(0);
  if (w.has(1)) x = w.add("Add", {x, w.node.input(1)}, "biased");
  w.add("Gelu", {x});
  w.with("approximate", std::string(approximate));
}
void erf_gelu(OnnxWriter& w) { gelu_of(w, "none"); }
void fast_gelu(OnnxWriter& w) { gelu_of(w, "tanh"); }

void quick_gelu(OnnxWriter& w) {
  const std::string& x = w.node.input(0);
  const std::string alpha = w.number("alpha", w.node.real("alpha", 1.702));
  w.add("Mul", {x, w.add("Sigmoid", {w.add("Mul", {x, alpha}, "scaled")}, "gate")});
}

void swish(OnnxWriter& w) {
  const std::string& x = w.node.input(0);
  const double alpha = w.node.real("alpha", 1);
  std::string scaled = x;
  if (alpha != 1) scaled = w.add("Mul", {x, w.number("alpha", alpha)}, "scaled");
  w.add("Mul", {x, w.add("Sigmoid", {scaled}, "gate")});
}

// Reductions.

void reduce_with(OnnxWriter& w, const std::string& of, const std::string& part) {
  Names inputs = {of};
  if (w.has(1)) inputs.push_back(w.node.input(1));
  w.add("ReduceSum", inputs, part);
  w.with("keepdims", w.node.integer("keepdims", 1));
  if (w.node.has("axes")) w.with("axes", w.node.integers("axes"));
}
void reduce_l1(OnnxWriter& w) { reduce_with(w, w.add("Abs", {w.node.input(0)}, "magnitudes"), ""); }
void reduce_sum_square(OnnxWriter& w) {
  reduce_with(w, w.add("Mul", {w.node.input(0), w.node.input(0)}, "squares"), "");
}
void reduce_l2(OnnxWriter& w) {
  reduce_with(w, w.add("Mul", {w.node.input(0), w.node.input(0)}, "squares"), "sum");
  w.add("Sqrt", {w.name("sum")});
}
void log_softmax(OnnxWriter& w) {
  const std::string shares = w.add("Softmax", {w.node.input(0)}, "shares");
  w.with("axis", w.node.integer("axis", w.node.opset() >= 13 ? -1 : 1));
  w.add("Log", {shares});
}

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
  if (!activation.empty()) w.add(activation, {y});
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
  copy_attributes(w, {"channels_last"});
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
  if (x.size() < 3 || x.size() > 4 || k.size() != x.size())
    w.node.fail("expected a 1-D or 2-D image and its kernels");
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

// Recurrent layers: products of all steps' inputs at once, then step by step.

/// One direction of one of LSTM, GRU and RNN.
class Recurrent {
 public:
  Recurrent(OnnxWriter& w, std::int64_t gates, std::int64_t direction, bool reversed)
      : w_(w), gates_(gates), direction_(direction), reversed_(reversed) {
    const Shape r = w.shape(2);
    Shape x = w.shape(0);
    by_batch_ = w.node.integer("layout", 0) != 0;
    if (by_batch_ && x.size() == 3) std::swap(x[0], x[1]);
    hidden_ = r.size() == 3 ? r[2] : w.node.integer("hidden_size", 1);
    steps_ = x.size() == 3 ? x[0] : 2;  // where only constants are asked for: one with a state
    batch_ = x.size() == 3 ? x[1] : 1;
    if (x.size() != 3 && !x.empty()) w.node.fail("expected sequences with 3 axes");
    if (steps_ > 4096) w.node.fail(fmt::format("a sequence of {} steps", steps_));
  }

  std::int64_t steps() const { return steps_; }
  std::int64_t hidden() const { return hidden_; }
  /// The step that runs at a turn.
  std::int64_t step(std::int64_t turn) const { return reversed_ ? steps_ - 1 - turn : turn; }
  std::string part(const std::string& what) const {
    return fmt::format("{}{}", direction_ == 0 ? "" : "back.", what);
  }
  std::string part(std::int64_t turn, const char* what) const {
    return part(fmt::format("{}.{}", step(turn), what));
  }

  /// This direction's matrix or vector of an operand.
  std::string own(int operand, const std::string& what) {
    const std::string row = w_.add("Slice", {w_.node.input(operand)}, part(what + ".slice"));
    w_.with("starts", Shape{direction_}).with("ends", Shape{direction_ + 1}).with("axes", Shape{0});
    std::string name = w_.add("Squeeze", {row}, part(what));
    w_.with("axes", Shape{0});
    return name;
  }
  std::string columns(const std::string& of, std::int64_t first, std::int64_t count,
                      std::int64_t axis, const std::string& what) {
    std::string name = w_.add("Slice", {of}, part(what));
    w_.with("starts", Shape{first}).with("ends", Shape{first + count}).with("axes", Shape{axis});
    return name;
  }

  /// Gates of all inputs, [steps, batch, gates * hidden], and what the steps need.
  void begin() {
    const std::int64_t n = gates_ * hidden_;
    weights_ = own(1, "input_weights");
    recurrent_ = own(2, "recurrent_weights");
    if (w_.has(3)) {
      const std::string both = own(3, "biases");
      input_bias_ = columns(both, 0, n, 0, "input_bias");
      recurrent_bias_ = columns(both, n, n, 0, "recurrent_bias");
    }
    const Shape x = w_.shape(0);
    const std::int64_t inputs = x.size() == 3 ? x[2] : -1;
    std::string in_order = w_.node.input(0);
    if (by_batch_) {
      in_order = w_.add("Transpose", {in_order}, part("by_step"));
      w_.with("perm", Shape{1, 0, 2});
    }
    const std::string rows =
        w_.add("Reshape", {in_order, w_.integers(part("rows_shape"), {steps_ * batch_, inputs})},
               part("rows"));
    Names product = {rows, weights_};
    if (!input_bias_.empty()) product.push_back(input_bias_);
    const std::string gates = w_.add("Gemm", product, part("gates"));
    w_.with("transB", std::int64_t{1});
    gates_of_ = w_.add("Reshape", {gates, w_.integers(part("gates_shape"), {steps_, batch_, n})},
                       part("sequence"));
  }

  std::string input_gates(std::int64_t turn) {
    const std::int64_t t = step(turn);
    const std::string one = w_.add("Slice", {gates_of_}, part(turn, "slice"));
    w_.with("starts", Shape{t}).with("ends", Shape{t + 1}).with("axes", Shape{0});
    std::string name = w_.add("Squeeze", {one}, part(turn, "input"));
    w_.with("axes", Shape{0});
    return name;
  }
  /// Rows [first, first + count) of the recurrent weights by h.
  std::string product(std::int64_t turn, const std::string& h, std::int64_t first,
                      std::int64_t count, const char* what) {
    const bool all = count == gates_ * hidden_;
    const auto rows = [&](const std::string& of, const char* behind) {
      const std::string name = fmt::format("{}_{}", what, behind);
      if (all) return of;
      return w_.knows(part(name)) ? w_.name(part(name)) : columns(of, first, count, 0, name);
    };
    Names inputs = {h, rows(recurrent_, "weights")};
    if (!recurrent_bias_.empty()) inputs.push_back(rows(recurrent_bias_, "bias"));
    std::string y = w_.add("Gemm", inputs, part(turn, what));
    w_.with("transB", std::int64_t{1});
    return y;
  }
  /// What no state contributes: the bias alone, or nothing.
  std::string without_state(std::int64_t turn, const std::string& gates) {
    if (recurrent_bias_.empty()) return gates;
    return w_.add("Add", {gates, recurrent_bias_}, part(turn, "sum"));
  }
  const std::string& recurrent_bias() const { return recurrent_bias_; }

  std::string initial(int operand, const char* what) {
    if (!w_.has(operand) || w_.is_zero(operand)) return "";
    if (!by_batch_) return own(operand, what);
    const std::string row =
        w_.add("Slice", {w_.node.input(operand)}, part(fmt::format("{}.slice", what)));
    w_.with("starts", Shape{direction_}).with("ends", Shape{direction_ + 1}).with("axes", Shape{1});
    std::string name = w_.add("Squeeze", {row}, part(what));
    w_.with("axes", Shape{1});
    return name;
  }

  /// [steps, batch, hidden] of the states by step.
  std::string sequence(const Names& by_turn) {
    Names parts(by_turn.size());
    for (std::size_t turn = 0; turn < by_turn.size(); ++turn) {
      const auto t = static_cast<std::int64_t>(turn);
      const std::string one = w_.add("Unsqueeze", {by_turn[turn]}, part(t, "row"));
      w_.with("axes", Shape{0, 1});
      parts[static_cast<std::size_t>(step(t))] = one;
    }
    std::string y = w_.add("Concat", parts, part("states"));
    w_.with("axis", std::int64_t{0});
    return y;  // [steps, 1, batch, hidden]
  }

 private:
  OnnxWriter& w_;
  std::int64_t gates_, direction_, hidden_ = 1, steps_ = 1, batch_ = 1;
  bool reversed_, by_batch_ = false;
  std::string weights_, recurrent_, input_bias_, recurrent_bias_, gates_of_;
};

struct States {
  Names hidden;  ///< by turn
  std::string cell;
};

/// What all three refuse.
void check_recurrent(const OnnxWriter& w, const Names& activations) {
  if (w.has(4)) w.node.fail("sequence_lens are not supported");
  if (w.node.has("clip")) w.node.fail("clip is not supported");
  if (w.node.integer("input_forget", 0) != 0) w.node.fail("input_forget is not supported");
  const auto* stated = w.node.find("activations");
  for (int i = 0; stated != nullptr && i < stated->strings_size(); ++i)
    if (stated->strings(i) != activations[static_cast<std::size_t>(i) % activations.size()])
      w.node.fail(fmt::format("its activation {} is not supported", stated->strings(i)));
}

States lstm_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  States states;
  const std::int64_t h = r.hidden();
  std::string hidden = r.initial(5, "initial_h");
  states.cell = r.initial(6, "initial_c");
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    if (hidden.empty() != states.cell.empty())
      w.node.fail("expected both or none of initial_h and initial_c");
    if (hidden.empty()) {  // i, o, f, c; the forget gate has nothing to forget
      const std::string sum = r.without_state(turn, in);
      const auto gate = [&](std::int64_t at, const char* op, const char* what) {
        const std::string part = r.columns(sum, at * h, h, 1, fmt::format("{}.{}", turn, what));
        return w.add(op, {part}, r.part(turn, fmt::format("{}_gate", what).c_str()));
      };
      states.cell =
          w.add("Mul", {gate(0, "Sigmoid", "i"), gate(3, "Tanh", "c")}, r.part(turn, "cell"));
      hidden = w.add("Mul",
                     {gate(1, "Sigmoid", "o"), w.add("Tanh", {states.cell}, r.part(turn, "tanh"))},
                     r.part(turn, "hidden"));
    } else {
      const std::string back = r.product(turn, hidden, 0, 4 * h, "recurrent");
      states.cell = w.add("LstmCell", {in, back, states.cell}, r.part(turn, "cell"));
      w.in_domain(kOwnDomain);
      hidden = w.add("LstmHidden", {in, back, states.cell}, r.part(turn, "hidden"));
      w.in_domain(kOwnDomain);
    }
    states.hidden.push_back(hidden);
  }
  return states;
}

States gru_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  States states;
  const std::int64_t h = r.hidden();
  const bool before = w.node.integer("linear_before_reset", 0) != 0;
  std::string hidden = r.initial(5, "initial_h");
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    if (hidden.empty()) {  // z, r, h
      const auto part = [&](const std::string& of, std::int64_t at, std::int64_t axis,
                            const char* what) {
        return r.columns(of, at * h, h, axis, fmt::format("{}.{}", turn, what));
      };
      const std::string sum = r.without_state(turn, in);
      const std::string z = w.add("Sigmoid", {part(sum, 0, 1, "z")}, r.part(turn, "z_gate"));
      std::string fresh = part(sum, 2, 1, "n");
      if (before && !r.recurrent_bias().empty()) {
        const std::string reset = w.add("Sigmoid", {part(sum, 1, 1, "r")}, r.part(turn, "r_gate"));
        const std::string kept =
            w.add("Mul", {reset, part(r.recurrent_bias(), 2, 0, "n_bias")}, r.part(turn, "kept"));
        fresh = w.add("Add", {part(in, 2, 1, "n_in"), kept}, r.part(turn, "n_sum"));
      }
      const std::string n = w.add("Tanh", {fresh}, r.part(turn, "n_gate"));
      const std::string share =
          w.add("Sub", {w.number(r.part("one"), 1), z}, r.part(turn, "share"));
      hidden = w.add("Mul", {share, n}, r.part(turn, "hidden"));
    } else {
      std::string back = r.product(turn, hidden, 0, 3 * h, "recurrent");
      if (!before) {
        const std::string reset = w.add("GruReset", {in, back, hidden}, r.part(turn, "reset"));
        w.in_domain(kOwnDomain);
        const std::string of_reset = r.product(turn, reset, 2 * h, h, "of_reset");
        back = w.add("Concat", {r.columns(back, 0, 2 * h, 1, fmt::format("{}.zr", turn)), of_reset},
                     r.part(turn, "gates"));
        w.with("axis", std::int64_t{1});
      }
      hidden = w.add("GruHidden", {in, back, hidden}, r.part(turn, "hidden"));
      w.with("linear_before_reset", std::int64_t{before ? 1 : 0}).in_domain(kOwnDomain);
    }
    states.hidden.push_back(hidden);
  }
  return states;
}

States rnn_states(OnnxWriter& w, Recurrent& r) {
  r.begin();
  States states;
  std::string hidden = r.initial(5, "initial_h");
  for (std::int64_t turn = 0; turn < r.steps(); ++turn) {
    const std::string in = r.input_gates(turn);
    const std::string sum =
        hidden.empty() ? r.without_state(turn, in)
                       : w.add("Add", {in, r.product(turn, hidden, 0, r.hidden(), "recurrent")},
                               r.part(turn, "sum"));
    hidden = w.add("Tanh", {sum}, r.part(turn, "hidden"));
    states.hidden.push_back(hidden);
  }
  return states;
}

template <States (*Run)(OnnxWriter&, Recurrent&), int Gates>
void recurrent(OnnxWriter& w) {
  check_recurrent(w, Gates == 4   ? Names{"Sigmoid", "Tanh", "Tanh"}
                     : Gates == 3 ? Names{"Sigmoid", "Tanh"}
                                  : Names{"Tanh"});
  if (Gates == 4 && w.has(7)) w.node.fail("peepholes are not supported");
  const std::string direction = w.node.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    w.node.fail(fmt::format("direction \"{}\" is unknown", direction));
  const std::int64_t count = direction == "bidirectional" ? 2 : 1;
  Names sequences, last, cells;
  for (std::int64_t d = 0; d < count; ++d) {
    Recurrent r(w, Gates, d, direction == "reverse" || d == 1);
    const States states = Run(w, r);
    sequences.push_back(r.sequence(states.hidden));
    const auto row = [&](const std::string& of, const char* what) {
      std::string name = w.add("Unsqueeze", {of}, r.part(what));
      w.with("axes", Shape{0});
      return name;
    };
    if (!w.node.output(1).empty()) last.push_back(row(states.hidden.back(), "last_h"));
    if (!w.node.output(2).empty()) cells.push_back(row(states.cell, "last_c"));
  }
  const auto yield = [&](int output, const Names& of, std::int64_t axis, const char* what) {
    if (w.node.output(output).empty()) return;
    const std::string y = w.add(count == 1 ? "Identity" : "Concat", of, what);
    if (count > 1) w.with("axis", axis);
    if (w.node.integer("layout", 0) != 0) {
      w.add("Transpose", {y}, std::string(what) + "_by_batch");
      w.with("perm", output == 0 ? Shape{2, 0, 1, 3} : Shape{1, 0, 2});
    }
    w.to_output(output);
  };
  yield(0, sequences, 1, "y");
  yield(1, last, 0, "y_h");
  yield(2, cells, 0, "y_c");
}

}  // namespace

Shape OnnxWriter::shape(int operand) const {
  const Shape* found = known_.shape(node.input(operand));
  return found == nullptr ? Shape() : *found;
}

std::string OnnxWriter::name(const std::string& part) const {
  for (int i = 0; i < node.outputs(); ++i)
    if (!node.output(i).empty()) return node.output(i) + "." + part;
  return part;
}

std::string OnnxWriter::add(const std::string& op, const std::vector<std::string>& inputs,
                            const std::string& part) {
  onnx::NodeProto& added = nodes.emplace_back();
  added.set_op_type(op);
  added.set_name(node.label());
  for (const std::string& input : inputs) added.add_input(input);
  std::string output = part.empty() ? node.output() : name(part);
  added.add_output(output);
  return output;
}

OnnxWriter& OnnxWriter::with(const char* key, std::int64_t value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::INT).set_i(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, const Shape& values) {
  onnx::AttributeProto& attribute = new_attribute(nodes.back(), key, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, const std::string& value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::STRING).set_s(value);
  return *this;
}
OnnxWriter& OnnxWriter::with(const char* key, double value) {
  new_attribute(nodes.back(), key, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(value));
  return *this;
}
OnnxWriter& OnnxWriter::in_domain(const char* domain) {
  nodes.back().set_domain(domain);
  return *this;
}

std::string OnnxWriter::to_output(int output) {
  nodes.back().set_output(0, node.output(output));
  return node.output(output);
}

std::string OnnxWriter::number(const std::string& part, double value) {
  if (knows(part)) return name(part);
  add("Constant", {}, part);
  with("value_float", value);
  return name(part);
}

bool OnnxWriter::knows(const std::string& part) const {
  return std::any_of(nodes.begin(), nodes.end(), [output = name(part)](const onnx::NodeProto& n) {
    return n.output(0) == output;
  });
}

std::string OnnxWriter::integers(const std::string& part, const Shape& values) {
  add("Constant", {}, part);
  with("value_ints", values);
  return name(part);
}

const std::vector<OnnxExpansion>& onnx_expansions() {
  static const char* const kMs = "com.microsoft";
  static const std::vector<OnnxExpansion> kRows = {
      {"", "InstanceNormalization", instance_norm},
      {"", "GroupNormalization", group_norm},
      {"", "RMSNormalization", rms_norm},
      {"", "SimplifiedLayerNormalization", simplified_layer_norm},
      {"", "Softsign", softsign},
      {"", "Swish", swish},
      {"", "LogSoftmax", log_softmax},
      {"", "ReduceL1", reduce_l1},
      {"", "ReduceL2", reduce_l2},
      {"", "ReduceSumSquare", reduce_sum_square},
      {"", "ConvTranspose", conv_transpose},
      {"", "Einsum", einsum},
      {"", "LSTM", recurrent<lstm_states, 4>},
      {"", "GRU", recurrent<gru_states, 3>},
      {"", "RNN", recurrent<rnn_states, 1>},
      {kMs, "Gelu", erf_gelu},
      {kMs, "BiasGelu", erf_gelu},
      {kMs, "FastGelu", fast_gelu},
      {kMs, "QuickGelu", quick_gelu},
      {kMs, "DynamicQuantizeMatMul", dynamic_quantize_matmul},
      {kMs, "MatMulIntegerToFloat", matmul_integer_to_float},
      {kMs, "MatMulNBits", matmul_nbits},
      {kMs, "FusedMatMul", fused_matmul},
      {kMs, "FusedConv", fused_conv},
      {kMs, "FusedGemm", fused_gemm},
      {kMs, "SkipLayerNormalization", skip_layer_norm},
      {kMs, "SkipSimplifiedLayerNormalization", skip_rms_norm},
      {kMs, "QLinearAdd", qlinear_binary<kOfAdd>},
      {kMs, "QLinearMul", qlinear_binary<kOfMul>},
      {kMs, "QLinearSigmoid", qlinear_unary<kOfSigmoid>},
      {kMs, "QLinearLeakyRelu", qlinear_unary<kOfLeakyRelu>},
      {kMs, "QLinearGlobalAveragePool", qlinear_unary<kOfGlobalAveragePool>},
      {kMs, "QLinearAveragePool", qlinear_unary<kOfAveragePool>},
      {kMs, "QLinearSoftmax", qlinear_unary<kOfSoftmax>},
      {kMs, "QLinearConcat", qlinear_concat},
  };
  return kRows;
}

const OnnxExpansion* find_onnx_expansion(const OnnxNode& node) {
  const std::string& domain = node.proto().domain();
  for (const OnnxExpansion& row : onnx_expansions())
    if (node.op() == row.op_type && (*row.domain == '\0' ? node.standard() : domain == row.domain))
      return &row;
  return nullptr;
}

std::deque<onnx::NodeProto> expanded_onnx(const onnx::NodeProto& proto, const std::string& file,
                                          int opset, const OnnxWriter::Known& known) {
  const OnnxNode node(proto, file, opset);
  const OnnxExpansion* row = find_onnx_expansion(node);
  if (row == nullptr) return {proto};
  OnnxWriter writer(node, known);
  row->expand(writer);
  std::deque<onnx::NodeProto> all;
  for (const onnx::NodeProto& part : writer.nodes)
    for (onnx::NodeProto& one : expanded_onnx(part, file, opset, known))
      all.push_back(std::move(one));
  return all;
}

}  // namespace bitjoule
