// Norms, activations and reductions as other operators.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

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
  const std::string rows =
      w.add("Reshape", {w.node.input(0), w.integers("rows_shape", {0, groups, -1})}, "rows");
  const std::string y = normalized(w, rows, w.node.real("epsilon", 1e-5));
  const bool by_group = scale.size() == 1 && x.size() > 1 && scale[0] == groups && groups != x[1];
  if (!by_group) return scale_channels(w, y);
  // Until opset 20 each group has a scale and a bias.
  const auto per_group = [&](int operand, const char* part) {
    return w.reshaped(w.node.input(operand), {groups, 1}, part);
  };
  const std::string scaled = w.add("Mul", {y, per_group(1, "scale")}, "scaled");
  const std::string biased = w.add("Add", {scaled, per_group(2, "bias")}, "biased");
  w.add("Reshape", {biased, w.sized("output_shape", x)});
}

/// x / sqrt(mean x^2 + epsilon) * scale over the axes from `axis` on.
void rms_norm(OnnxWriter& w) {
  const std::size_t rank = w.shape(0).size();
  Shape axes = {-1};
  if (rank > 0)
    axes = counted(w.node.settled_axis(w.node.integer("axis", -1), rank),
                   static_cast<std::int64_t>(rank));
  const std::string& x = w.node.input(0);
  const std::string squares = w.add("Mul", {x, x}, "squares");
  const std::string mean = w.add("ReduceMean", {squares}, "mean");
  w.with("axes", axes);
  const std::string shifted =
      w.add("Add", {mean, w.number("epsilon", w.node.real("epsilon", 1e-5))}, "shifted");
  const std::string root = w.add("Sqrt", {shifted}, "root");
  w.add("Mul", {w.add("Div", {x, root}, "normalized"), w.node.input(1)});
}

/// The vector unit's norm has a scale and a bias for each element of what is normalized together:
/// of several axes they are laid out as one; those that broadcast otherwise are applied behind it.
void layer_norm(OnnxWriter& w) {
  const Shape x = w.shape(0), scale = w.shape(1);
  if (x.empty() || scale.empty()) return;
  const std::int64_t axis = w.node.settled_axis(w.node.integer("axis", -1), x.size());
  const Shape together(x.begin() + axis, x.end());
  const std::int64_t count = volume_of(together);
  const auto is_flat = [&](int operand) {
    return !w.has(operand) || w.shape(operand) == Shape{count};
  };
  if (is_flat(1) && is_flat(2)) return;
  const auto add_norm = [&](const Names& inputs, const char* part) {
    std::string y = w.add("LayerNormalization", inputs, part);
    for (int i = 1; i < w.node.outputs(); ++i) w.nodes.back().add_output(w.node.output(i));
    w.with("axis", axis).with("epsilon", w.node.real("epsilon", 1e-5));
    return y;
  };
  const auto fits = [&](int operand) {
    Shape shape = w.shape(operand);
    while (shape.size() > together.size() && shape.front() == 1) shape.erase(shape.begin());
    return !w.has(operand) || shape == together || is_flat(operand);
  };
  if (fits(1) && fits(2)) {
    Names inputs = {w.node.input(0), w.reshaped(w.node.input(1), {count}, "scale_row")};
    if (w.has(2)) inputs.push_back(w.reshaped(w.node.input(2), {count}, "bias_row"));
    add_norm(inputs, "");
    return;
  }
  w.check_made(together);
  const std::string ones =
      w.sized_reals("ones", std::vector<double>(static_cast<std::size_t>(count), 1), {count});
  const std::string y = add_norm({w.node.input(0), ones}, "normalized");
  const std::string scaled = w.add("Mul", {y, w.node.input(1)}, w.has(2) ? "scaled" : "");
  if (w.has(2)) w.add("Add", {scaled, w.node.input(2)});
}

void require_one_output(const OnnxWriter& w, int most) {
  for (int i = most; i < w.node.outputs(); ++i)
    if (!w.node.output(i).empty())
      w.node.fail(fmt::format("its output {} is not supported", i + 1));
}

/// (input + skip) + bias, then a norm; the fourth output is that sum.
std::string skipped(OnnxWriter& w, int bias) {
  std::string sum = w.add("Add", {w.node.input(0), w.node.input(1)}, "sum");
  if (w.has(bias)) sum = w.add("Add", {sum, w.node.input(bias)}, "sum_and_bias");
  const bool yields_sum = w.node.outputs() > 3 && !w.node.output(3).empty();
  return yields_sum ? w.to_output(3) : sum;
}

void skip_layer_norm(OnnxWriter& w) {
  Names inputs = {skipped(w, 4), w.node.input(2)};
  if (w.has(3)) inputs.push_back(w.node.input(3));
  w.add("LayerNormalization", inputs);
  for (int i = 1; i < std::min(3, w.node.outputs()); ++i)
    w.nodes.back().add_output(w.node.output(i));
  w.with("epsilon", w.node.real("epsilon", 1e-12));
}

void skip_rms_norm(OnnxWriter& w) {
  for (int i = 1; i < std::min(3, w.node.outputs()); ++i)
    if (!w.node.output(i).empty())
      w.node.fail(fmt::format("its output {} is not supported", i + 1));
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

/// The second operand lies along the axes from `axis` on, as until opset 6.
void broadcast_by_axis(OnnxWriter& w) {
  if (w.node.integer("broadcast", 0) == 0) return;
  const Shape a = w.shape(0), b = w.shape(1);
  if (!w.knows_shape(0) || !w.knows_shape(1)) return;
  const auto own = static_cast<std::int64_t>(b.size()), all = static_cast<std::int64_t>(a.size());
  const std::int64_t axis =
      w.node.has("axis") ? w.node.settled_axis(w.node.integer("axis", 0), a.size()) : all - own;
  if (axis < 0 || axis + own > all) w.node.fail("its second operand has too many axes");
  std::string wide = w.node.input(1);
  if (axis + own < all)
    wide = w.add("Unsqueeze", {wide, w.sized("wide_axes", counted(own, all - axis))}, "wide");
  w.add(w.node.op(), {w.node.input(0), wide});
}

// Steps of opset 1 that style transfer networks have.

void affine(OnnxWriter& w) {
  const std::string scaled =
      w.add("Mul", {w.node.input(0), w.number("alpha", w.node.real("alpha", 1))}, "scaled");
  w.add("Add", {scaled, w.number("beta", w.node.real("beta", 0))});
}
void image_scaler(OnnxWriter& w) {
  const std::string scaled =
      w.add("Mul", {w.node.input(0), w.number("scale", w.node.real("scale", 1))}, "scaled");
  const auto* bias = w.node.find("bias");
  if (bias == nullptr || bias->floats_size() == 0) {
    w.add("Identity", {scaled});
    return;
  }
  const std::vector<double> values(bias->floats().begin(), bias->floats().end());
  w.add("Add", {scaled, w.sized_reals("bias", values, {bias->floats_size(), 1, 1})});
}
void crop(OnnxWriter& w) {
  const Shape x = w.shape(0), border = w.node.integers("border"), size = w.node.integers("scale");
  if (x.empty()) return;
  if (x.size() != 4 || border.size() != 4 || (!size.empty() && size.size() != 2))
    w.node.fail("expected an image and its borders");
  for (const Shape* given : {&border, &size})
    for (const std::int64_t value : *given)
      if (value < 0 || value > kMostMade) w.node.fail(fmt::format("its border: {}", value));
  const Shape ends = size.empty() ? Shape{x[2] - border[3], x[3] - border[2]}
                                  : Shape{border[1] + size[0], border[0] + size[1]};
  w.add("Slice", {w.node.input(0)});
  w.with("starts", Shape{border[1], border[0]}).with("ends", ends).with("axes", Shape{2, 3});
}

/// The mask of a dropout that drops nothing.
void dropout(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (w.node.output(1).empty() || x.empty()) return;
  const Names all(w.node.proto().input().begin(), w.node.proto().input().end());
  w.check_made(x);
  w.add("Dropout", all);
  w.sized_of(onnx::TensorProto::BOOL, "mask", Shape(static_cast<std::size_t>(volume_of(x)), 1), x);
  w.to_output(1);
}

void cast_like(OnnxWriter& w) {
  // Constants are read without what is known of data: readers convert.
  if (w.type(1) == 0 && w.reads_constants()) w.add("Identity", {w.node.input(0)});
  if (w.type(1) == 0) return;
  w.add("Cast", {w.node.input(0)});
  w.with("to", std::int64_t{w.type(1)});
  if (w.node.has("saturate")) w.with("saturate", w.node.integer("saturate", 1));
}

/// A slope for each channel, as until opset 6.
void prelu_by_channel(OnnxWriter& w) {
  const Shape x = w.shape(0), slope = w.shape(1);
  const bool by_channel = x.size() > 2 && slope.size() == 1 && slope[0] == x[1];
  if (!by_channel || (w.node.opset() > 6 && (slope[0] == x.back() || slope[0] == 1))) return;
  Shape axes;
  for (std::size_t i = 1; i + 1 < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  const std::string wide = w.add("Unsqueeze", {w.node.input(1), w.sized("axes", axes)}, "slopes");
  w.add("PRelu", {w.node.input(0), wide});
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
/// c - log(sum e^c) of c = x - max x. Until opset 13 all axes from `axis` on
/// are one.
void log_softmax(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.empty()) return;
  const bool one_axis = w.node.opset() >= 13;
  const std::int64_t axis =
      w.node.settled_axis(w.node.integer("axis", one_axis ? -1 : 1), x.size());
  const Shape axes = one_axis ? Shape{axis} : counted(axis, static_cast<std::int64_t>(x.size()));
  const std::string most = w.add("ReduceMax", {w.node.input(0)}, "most");
  w.with("axes", axes);
  const std::string centred = w.add("Sub", {w.node.input(0), most}, "centred");
  const std::string sum =
      w.add("ReduceSum", {w.add("Exp", {centred}, "powers"), w.sized("axes", axes)}, "sum");
  w.add("Sub", {centred, w.add("Log", {sum}, "log_of_sum")});
}

}  // namespace

std::vector<OnnxExpansion> onnx_norm_expansions() {
  static const char* const kMs = "com.microsoft";
  return {
      {"", "InstanceNormalization", "epsilon:f", instance_norm},
      {"", "GroupNormalization", "epsilon:f num_groups:i stash_type:i", group_norm},
      {"", "RMSNormalization", "axis:i epsilon:f stash_type:i", rms_norm},
      {"", "LayerNormalization", "", layer_norm},
      {"", "SimplifiedLayerNormalization", "axis:i epsilon:f stash_type:i", simplified_layer_norm},
      {"", "Add", "axis:i broadcast:i", broadcast_by_axis},
      {"", "Affine", "alpha:f beta:f", affine},
      {"", "CastLike", "round_mode:s saturate:i", cast_like},
      {"", "Crop", "border:I scale:I", crop},
      {"", "Div", "axis:i broadcast:i", broadcast_by_axis},
      {"", "Dropout", "is_test:i ratio:f seed:i", dropout},
      {"", "ImageScaler", "bias:F scale:f", image_scaler},
      {"", "Mul", "axis:i broadcast:i", broadcast_by_axis},
      {"", "PRelu", "", prelu_by_channel},
      {"", "Pow", "axis:i broadcast:i", broadcast_by_axis},
      {"", "Sub", "axis:i broadcast:i", broadcast_by_axis},
      {"", "Softsign", "", softsign},
      {"", "Swish", "alpha:f", swish},
      {"", "LogSoftmax", "axis:i", log_softmax},
      {"", "ReduceL1", "axes:I keepdims:i noop_with_empty_axes:i", reduce_l1},
      {"", "ReduceL2", "axes:I keepdims:i noop_with_empty_axes:i", reduce_l2},
      {"", "ReduceSumSquare", "axes:I keepdims:i noop_with_empty_axes:i", reduce_sum_square},
      {kMs, "Gelu", "", erf_gelu},
      {kMs, "BiasGelu", "", erf_gelu},
      {kMs, "FastGelu", "", fast_gelu},
      {kMs, "QuickGelu", "alpha:f", quick_gelu},
      {kMs, "SkipLayerNormalization", "epsilon:f", skip_layer_norm},
      {kMs, "SkipSimplifiedLayerNormalization", "epsilon:f", skip_rms_norm},
  };
}

}  // namespace bitjoule
