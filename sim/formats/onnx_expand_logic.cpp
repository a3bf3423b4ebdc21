// Comparisons, choices, functions and reductions as other operators; branches.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_flatten.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;
using P = onnx::TensorProto;

const std::string& x_of(const OnnxWriter& w) { return w.node.input(0); }
std::string cast(OnnxWriter& w, const std::string& x, std::int64_t type, const std::string& part) {
  std::string y = w.add("Cast", {x}, part);
  w.with("to", type);
  return y;
}
std::string step(OnnxWriter& w, const char* op, const Names& inputs, const char* part) {
  return w.add(op, inputs, part);
}

// Bools: a product, the larger one, and the comparison with false.

void not_of(OnnxWriter& w) { w.add("Equal", {x_of(w), w.scalar("false", 0, P::BOOL)}); }
void both(OnnxWriter& w) { w.add("Mul", {x_of(w), w.node.input(1)}); }
void either(OnnxWriter& w) { w.add("Max", {x_of(w), w.node.input(1)}); }
void differ(OnnxWriter& w) {
  const std::string same = step(w, "Equal", {x_of(w), w.node.input(1)}, "same");
  w.add("Equal", {same, w.scalar("false", 0, P::BOOL)});
}
void is_nan(OnnxWriter& w) {
  const std::string same = step(w, "Equal", {x_of(w), x_of(w)}, "same");
  w.add("Equal", {same, w.scalar("false", 0, P::BOOL)});
}
void is_infinite(OnnxWriter& w) {
  const double largest = w.type(0) == P::FLOAT16    ? 65504
                         : w.type(0) == P::BFLOAT16 ? 0x1.fep127
                                                    : std::numeric_limits<float>::max();
  const bool up = w.node.integer("detect_positive", 1) != 0,
             down = w.node.integer("detect_negative", 1) != 0;
  const std::string x = up && down ? step(w, "Abs", {x_of(w)}, "magnitude") : x_of(w);
  w.add(up ? "Greater" : "Less", {x, w.scalar("largest", up ? largest : -largest, w.type(0))});
}

// Functions of one operand.

void celu(OnnxWriter& w) {
  const std::string alpha = w.number("alpha", w.node.real("alpha", 1));
  const std::string y = step(w, "Elu", {step(w, "Div", {x_of(w), alpha}, "divided")}, "elu");
  w.add("Mul", {y, alpha});
}
void thresholded_relu(OnnxWriter& w) {
  const std::string alpha = w.number("alpha", w.node.real("alpha", 1));
  w.add("Where", {step(w, "Greater", {x_of(w), alpha}, "above"), x_of(w), w.number("zero", 0)});
}
void shrink(OnnxWriter& w) {
  const double bound = w.node.real("lambd", 0.5), bias = w.node.real("bias", 0);
  const std::string bias_name = w.number("bias", bias);
  const std::string low = step(w, "Less", {x_of(w), w.number("low", -bound)}, "is_low");
  const std::string high = step(w, "Greater", {x_of(w), w.number("high", bound)}, "is_high");
  const std::string less = step(w, "Sub", {x_of(w), bias_name}, "less");
  const std::string inner = step(w, "Where", {high, less, w.number("zero", 0)}, "inner");
  w.add("Where", {low, step(w, "Add", {x_of(w), bias_name}, "more"), inner});
}
void tangent(OnnxWriter& w) {
  w.add("Div", {step(w, "Sin", {x_of(w)}, "sine"), step(w, "Cos", {x_of(w)}, "cosine")});
}
/// The arc whose sine, or cosine, is x: that of the tangent x / sqrt(1 - x^2).
template <bool Cosine>
void arc_of(OnnxWriter& w) {
  const std::string square = step(w, "Mul", {x_of(w), x_of(w)}, "square");
  const std::string rest = step(w, "Sub", {w.number("one", 1), square}, "rest");
  const std::string other = step(w, "Sqrt", {rest}, "other");
  const std::string tangent = step(w, "Div", {x_of(w), other}, "tangent");
  if (!Cosine) {
    w.add("Atan", {tangent});
    return;
  }
  const std::string arc = step(w, "Atan", {tangent}, "arc");
  w.add("Sub", {w.number("quarter", std::acos(0.0)), arc});
}
/// (e^x - e^-x) / 2, or their sum.
template <bool Sum>
void hyperbolic_of(OnnxWriter& w) {
  const std::string up = step(w, "Exp", {x_of(w)}, "up");
  const std::string down = step(w, "Exp", {step(w, "Neg", {x_of(w)}, "negated")}, "down");
  w.add("Mul", {step(w, Sum ? "Add" : "Sub", {up, down}, "both"), w.number("half", 0.5)});
}
/// log(x + sqrt(x^2 - 1)); of the other, log(|x| + sqrt(x^2 + 1)) with the sign of x.
template <bool Sine>
void inverse_hyperbolic(OnnxWriter& w) {
  const std::string x = Sine ? step(w, "Abs", {x_of(w)}, "magnitude") : x_of(w);
  const std::string square = step(w, "Mul", {x, x}, "square");
  const std::string shifted =
      step(w, Sine ? "Add" : "Sub", {square, w.number("one", 1)}, "shifted");
  const std::string sum = step(w, "Add", {x, step(w, "Sqrt", {shifted}, "root")}, "sum");
  if (!Sine) {
    w.add("Log", {sum});
    return;
  }
  w.add("Mul", {step(w, "Log", {sum}, "log"), step(w, "Sign", {x_of(w)}, "sign")});
}
void inverse_tangent(OnnxWriter& w) {
  const std::string one = w.number("one", 1);
  const std::string share = step(
      w, "Div", {step(w, "Add", {one, x_of(w)}, "above"), step(w, "Sub", {one, x_of(w)}, "below")},
      "share");
  w.add("Mul", {step(w, "Log", {share}, "log"), w.number("half", 0.5)});
}

/// Of integers, by that of their numbers.
void modulo(OnnxWriter& w) {
  const int type = w.type(0) != 0 ? w.type(0) : w.type(1);
  const bool is_float =
      type == P::FLOAT || type == P::FLOAT16 || type == P::BFLOAT16 || type == P::DOUBLE;
  if (type == 0 || is_float) return;
  const std::string a = cast(w, w.node.input(0), P::FLOAT, "a");
  const std::string b = cast(w, w.node.input(1), P::FLOAT, "b");
  const std::string rest = step(w, "Mod", {a, b}, "rest");
  w.with("fmod", w.node.integer("fmod", 0));
  w.add("Cast", {rest});
  w.with("to", std::int64_t{type});
}

void mean(OnnxWriter& w) {
  const Names all(w.node.proto().input().begin(), w.node.proto().input().end());
  w.add("Mul", {w.add("Sum", all, "sum"), w.number("share", 1.0 / w.node.inputs())});
}

// Reductions.

std::string reduced(OnnxWriter& w, const char* op, const std::string& of, const char* part) {
  Names inputs = {of};
  if (w.has(1)) inputs.push_back(w.node.input(1));
  std::string y = w.add(op, inputs, part);
  w.with("keepdims", w.node.integer("keepdims", 1));
  if (w.node.has("axes")) w.with("axes", w.node.integers("axes"));
  return y;
}
void reduce_log_sum(OnnxWriter& w) { w.add("Log", {reduced(w, "ReduceSum", x_of(w), "sum")}); }
void reduce_log_sum_exp(OnnxWriter& w) {
  const std::string powers = step(w, "Exp", {x_of(w)}, "powers");
  w.add("Log", {reduced(w, "ReduceSum", powers, "sum")});
}
void arg_min(OnnxWriter& w) {
  w.add("ArgMax", {step(w, "Neg", {x_of(w)}, "negated")});
  for (const char* name : {"axis", "keepdims", "select_last_index"})
    if (w.node.has(name)) w.with(name, w.node.integer(name, 0));
}
void lp_normalization(OnnxWriter& w) {
  const bool sum = w.node.integer("p", 2) == 1;
  const std::string norm = w.add(sum ? "ReduceL1" : "ReduceL2", {x_of(w)}, "norm");
  w.with("axes", Shape{w.node.integer("axis", -1)});
  const std::string zero = w.number("zero", 0);
  const std::string is_zero = step(w, "Equal", {norm, zero}, "is_zero");
  w.add("Where", {is_zero, zero, step(w, "Div", {x_of(w), norm}, "divided")});
}
void mean_variance(OnnxWriter& w) {
  const Shape axes = w.node.integers("axes", {0, 2, 3});
  const std::string mean_of = step(w, "ReduceMean", {x_of(w)}, "mean");
  w.with("axes", axes);
  const std::string centred = step(w, "Sub", {x_of(w), mean_of}, "centred");
  const std::string variance =
      step(w, "ReduceMean", {step(w, "Mul", {centred, centred}, "squares")}, "variance");
  w.with("axes", axes);
  const std::string deviation = step(
      w, "Add", {step(w, "Sqrt", {variance}, "deviation"), w.number("epsilon", 1e-9)}, "divisor");
  w.add("Div", {centred, deviation});
}

/// [n, n]: ones where a column's sum counts a row.
std::vector<double> sum_triangle(std::int64_t n, bool back, bool excludes) {
  std::vector<double> ones;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      ones.push_back((back ? i > j : i < j) || (i == j && !excludes) ? 1 : 0);
  return ones;
}

/// Sums up to each place: a product with a triangle of ones; of a long axis one
/// in each of its blocks, to which the sums of the blocks before are added.
void cumulative_sum(OnnxWriter& w) {
  constexpr std::int64_t kShort = 256, kLong = 1024;
  const Shape x = w.shape(0);
  const std::optional<Shape> at = w.whole(1);
  if (x.empty() || !at || at->size() != 1) return;
  const auto axis = static_cast<std::size_t>(w.node.settled_axis(at->front(), x.size()));
  const std::int64_t n = x[axis], block = n <= kShort * kShort ? kShort : kLong;
  const std::int64_t blocks = (n + block - 1) / block;
  if (blocks > kLong) w.node.fail(fmt::format("sums along {} elements: more than 2^20", n));
  const bool back = w.node.integer("reverse", 0) != 0,
             excludes = w.node.integer("exclusive", 0) != 0;
  const int type = w.type(0);
  const bool is_float = type == P::FLOAT;
  std::string rows = is_float ? x_of(w) : cast(w, x_of(w), P::FLOAT, "real");
  const Shape order = axes_moved_last(x.size(), {static_cast<std::int64_t>(axis)});
  rows = step(w, "Transpose", {rows}, "rows");
  w.with("perm", order);
  const Shape moved = permuted(x, order);
  const std::int64_t size = std::min(n, block);
  if (blocks > 1) {
    const std::int64_t count = volume_of(x) / n;
    rows = w.reshaped(rows, {count, n}, "flat");
    rows = step(w, "Pad", {rows, w.sized("pads", {0, 0, 0, blocks * block - n})}, "padded");
    rows = w.reshaped(rows, {count, blocks, block}, "blocks");
  }
  const std::string ones =
      w.sized_reals("triangle", sum_triangle(size, back, excludes), {size, size});
  std::string sums = step(w, "MatMul", {rows, ones}, "sums");
  if (blocks > 1) {
    const std::string totals = step(w, "ReduceSum", {rows, w.sized("block_axis", {2})}, "totals");
    w.with("keepdims", std::int64_t{0});
    const std::string before =
        w.sized_reals("block_triangle", sum_triangle(blocks, back, true), {blocks, blocks});
    const std::string carried = step(w, "MatMul", {totals, before}, "carried");
    const std::string wide = w.reshaped(carried, {volume_of(x) / n, blocks, 1}, "carried_by_block");
    sums = step(w, "Add", {sums, wide}, "carried_sums");
    sums = w.reshaped(sums, {volume_of(x) / n, blocks * block}, "flat_sums");
    sums = step(w, "Slice", {sums}, "cut_sums");
    w.with("starts", Shape{0}).with("ends", Shape{n}).with("axes", Shape{1});
    sums = w.reshaped(sums, moved, "moved_sums");
  }
  const std::string y = w.add("Transpose", {sums}, is_float ? "" : "in_order");
  w.with("perm", inverse(order));
  if (is_float) return;
  w.add("Cast", {y});
  w.with("to", std::int64_t{type});
}

void triangle(OnnxWriter& w) {
  const Shape x = w.shape(0);
  const std::optional<Shape> k = w.has(1) ? w.whole(1) : std::optional<Shape>(Shape{0});
  if (x.size() < 2 || !k || k->size() != 1) return;
  const bool upper = w.node.integer("upper", 1) != 0;
  Shape kept;
  w.check_made({x[x.size() - 2], x.back()});
  const std::int64_t rows = x[x.size() - 2], columns = x.back();
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      kept.push_back((upper ? j - i >= k->front() : j - i <= k->front()) ? 1 : 0);
  const std::string mask = w.sized_of(P::BOOL, "kept", kept, {rows, columns});
  w.add("Where", {mask, x_of(w), w.scalar("zero", 0, w.type(0))});
}

// Branches.

/// The nodes of the branch that a constant condition takes, under names of their own. Where only
/// constants are asked for, those of both.
void branch(OnnxWriter& w) {
  const std::optional<Shape> condition = w.whole(0);
  if (!condition && !w.reads_constants()) w.node.fail("its condition depends on data");
  if (condition && condition->size() != 1) w.node.fail("its condition is no scalar");
  for (const bool is_then : {true, false}) {
    if (condition && (condition->at(0) != 0) != is_then) continue;
    const onnx::AttributeProto* body = w.node.find(is_then ? "then_branch" : "else_branch");
    if (body == nullptr) w.node.fail("a branch is missing");
    const onnx::GraphProto& graph = body->g();
    const std::string prefix = w.name(is_then ? "then." : "else.");
    OnnxNames names;
    for (const onnx::NodeProto& node : graph.node())
      for (const std::string& output : node.output())
        if (!output.empty()) names[output] = prefix + output;
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      names[tensor.name()] = prefix + tensor.name();
      onnx::NodeProto& constant = w.nodes.emplace_back();
      constant.set_op_type("Constant");
      constant.add_output(prefix + tensor.name());
      onnx::AttributeProto& value = *constant.add_attribute();
      value.set_name("value");
      value.set_type(onnx::AttributeProto::TENSOR);
      *value.mutable_t() = tensor;
    }
    for (const onnx::NodeProto& node : graph.node()) {
      w.nodes.push_back(renamed_onnx(node, names));
      w.nodes.back().set_name(prefix + (node.name().empty() ? node.op_type() : node.name()));
    }
    if (!condition) continue;
    for (int i = 0; i < w.node.outputs(); ++i) {
      if (w.node.output(i).empty()) continue;
      if (i >= graph.output_size()) w.node.fail("a branch has fewer results");
      const std::string& inner = graph.output(i).name();
      w.add("Identity", {names.count(inner) != 0 ? names.at(inner) : inner}, fmt::format("{}", i));
      w.to_output(i);
      w.in_domain(kOwnDomain);  // where only constants are asked for, nothing
                                // says which branch it is
    }
  }
}

}  // namespace

std::vector<OnnxExpansion> onnx_logic_expansions() {
  return {
      {"", "Acos", "", arc_of<true>},
      {"", "Acosh", "", inverse_hyperbolic<false>},
      {"", "And", "", both},
      {"", "ArgMin", "axis:i keepdims:i select_last_index:i", arg_min},
      {"", "Asin", "", arc_of<false>},
      {"", "Asinh", "", inverse_hyperbolic<true>},
      {"", "Atanh", "", inverse_tangent},
      {"", "Celu", "alpha:f", celu},
      {"", "Cosh", "", hyperbolic_of<true>},
      {"", "CumSum", "exclusive:i reverse:i", cumulative_sum},
      {"", "If", "else_branch:g then_branch:g", branch},
      {"", "IsInf", "detect_negative:i detect_positive:i", is_infinite},
      {"", "IsNaN", "", is_nan},
      {"", "LpNormalization", "axis:i p:i", lp_normalization},
      {"", "Mean", "", mean},
      {"", "MeanVarianceNormalization", "axes:I", mean_variance},
      {"", "Mod", "fmod:i", modulo},
      {"", "Not", "", not_of},
      {"", "Or", "", either},
      {"", "ReduceLogSum", "axes:I keepdims:i noop_with_empty_axes:i", reduce_log_sum},
      {"", "ReduceLogSumExp", "axes:I keepdims:i noop_with_empty_axes:i", reduce_log_sum_exp},
      {"", "Shrink", "bias:f lambd:f", shrink},
      {"", "Sinh", "", hyperbolic_of<false>},
      {"", "Tan", "", tangent},
      {"", "ThresholdedRelu", "alpha:f", thresholded_relu},
      {"", "Trilu", "upper:i", triangle},
      {"", "Xor", "", differ},
  };
}

}  // namespace bitjoule
