// Resized images whose places the vector unit does not compute (parts of an
// image, filters that widen as an image shrinks): axis by axis a product with a
// matrix of weights.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;

/// One axis: `scale` is what the file says, which need not be out / in.
struct ResizedAxis {
  std::size_t axis = 0;
  std::int64_t in = 1, out = 1;
  double scale = 1, from = 0, to = 1;  ///< from, to: of tf_crop_and_resize
};

struct ResizeRule {
  std::string coordinates, mode, nearest_mode;
  double cubic = -0.75;
  bool widens = false, excludes_outside = false;
};

/// The place in the operand of output `o`.
double place_of(const ResizedAxis& a, const ResizeRule& rule, std::int64_t o) {
  const auto x = static_cast<double>(o), in = static_cast<double>(a.in);
  const auto out = static_cast<double>(a.out);
  const double half = (x + 0.5) / a.scale - 0.5;
  if (rule.coordinates == "asymmetric") return x / a.scale;
  if (rule.coordinates == "align_corners")
    return a.out == 1 ? 0 : x * (in - 1) / (a.scale * in - 1);
  if (rule.coordinates == "pytorch_half_pixel") return a.out == 1 ? 0 : half;
  if (rule.coordinates == "tf_half_pixel_for_nn") return half + 0.5;
  if (rule.coordinates == "half_pixel_symmetric") return in / 2 * (1 - out / (a.scale * in)) + half;
  if (rule.coordinates == "tf_crop_and_resize") {
    if (a.out == 1) return 0.5 * (a.from + a.to) * (in - 1);
    return a.from * (in - 1) + x * (a.to - a.from) * (in - 1) / (out - 1);
  }
  return half;
}

bool is_outside(const ResizedAxis& a, const ResizeRule& rule, std::int64_t o) {
  const double place = place_of(a, rule, o);
  return rule.coordinates == "tf_crop_and_resize" &&
         (place < 0 || place > static_cast<double>(a.in - 1));
}

double nearest(const ResizeRule& rule, double place) {
  if (rule.nearest_mode == "floor") return std::floor(place);
  if (rule.nearest_mode == "ceil") return std::ceil(place);
  if (rule.nearest_mode == "round_prefer_ceil") return std::floor(place + 0.5);
  return std::ceil(place - 0.5);
}

/// Triangle, or the cubic of that coefficient, at a distance.
double weight(const ResizeRule& rule, double distance) {
  const double d = std::fabs(distance), a = rule.cubic;
  if (rule.mode == "linear") return std::max(0.0, 1 - d);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
}

/// [in, out]; nothing of an output outside of the operand.
std::vector<double> weights_of(const ResizedAxis& a, const ResizeRule& rule) {
  std::vector<double> all(static_cast<std::size_t>(a.in * a.out), 0);
  const auto at = [&](std::int64_t i, std::int64_t o) -> double& {
    return all[static_cast<std::size_t>(std::clamp<std::int64_t>(i, 0, a.in - 1) * a.out + o)];
  };
  const double narrow = rule.widens ? std::min(1.0, a.scale) : 1;
  const double radius = (rule.mode == "linear" ? 1 : 2) / narrow;
  for (std::int64_t o = 0; o < a.out; ++o) {
    const double place = place_of(a, rule, o);
    if (is_outside(a, rule, o)) continue;
    if (rule.mode == "nearest") {
      at(static_cast<std::int64_t>(nearest(rule, place)), o) = 1;
      continue;
    }
    const auto first = static_cast<std::int64_t>(std::ceil(place - radius));
    const auto last = static_cast<std::int64_t>(std::floor(place + radius));
    const auto counts = [&](std::int64_t i) {
      return !rule.excludes_outside || (i >= 0 && i < a.in);
    };
    double sum = 0;
    for (std::int64_t i = first; i <= last; ++i)
      if (counts(i)) sum += weight(rule, (static_cast<double>(i) - place) * narrow);
    for (std::int64_t i = first; i <= last; ++i)
      if (counts(i)) at(i, o) += weight(rule, (static_cast<double>(i) - place) * narrow) / sum;
  }
  return all;
}

/// The axes that change, with their sizes and scales.
std::vector<ResizedAxis> resized_axes(OnnxWriter& w, const Shape& x, const std::string& where) {
  Shape axes = w.node.integers("axes", counted(0, static_cast<std::int64_t>(x.size())));
  const auto given = [&](int operand) {
    return w.has(operand) ? w.reals(operand) : std::optional<std::vector<double>>();
  };
  const auto roi = given(1), scales = given(2), sizes = given(3);
  const bool by_sizes = sizes && !sizes->empty();
  if (!by_sizes && (!scales || scales->empty())) w.node.fail("scales or sizes must be constants");
  const std::size_t n = axes.size();
  if ((by_sizes ? sizes : scales)->size() != n) w.node.fail("expected one size for each axis");
  const bool crops = where == "tf_crop_and_resize";
  if (crops && (!roi || roi->size() != 2 * n)) w.node.fail("roi: expected two for each axis");
  std::vector<ResizedAxis> found;
  for (std::size_t i = 0; i < n; ++i) {
    ResizedAxis a;
    a.axis = static_cast<std::size_t>(w.node.settled_axis(axes[i], x.size()));
    a.in = x[a.axis];
    const auto in = static_cast<double>(a.in);
    if (crops) a.from = (*roi)[i], a.to = (*roi)[n + i];
    a.scale = by_sizes ? (*sizes)[i] / in : (*scales)[i];
    if (!(a.scale > 0) || !(a.scale * in < kMostMade)) w.node.fail("scales or sizes are too large");
    const double whole = crops && !by_sizes ? in * (a.to - a.from) * a.scale : in * a.scale;
    a.out = static_cast<std::int64_t>(by_sizes ? (*sizes)[i] : std::floor(whole));
    found.push_back(a);
  }
  const std::string policy = w.node.text("keep_aspect_ratio_policy", "stretch");
  if (!by_sizes || policy == "stretch") return found;
  const auto less = [](const ResizedAxis& a, const ResizedAxis& b) { return a.scale < b.scale; };
  const double scale = policy == "not_larger"
                           ? std::min_element(found.begin(), found.end(), less)->scale
                           : std::max_element(found.begin(), found.end(), less)->scale;
  for (ResizedAxis& a : found) {
    a.scale = scale;
    a.out = static_cast<std::int64_t>(std::floor(scale * static_cast<double>(a.in) + 0.5));
  }
  return found;
}

/// Ones at the outputs that come from outside of the operand along any axis.
std::vector<double> outside(const std::vector<ResizedAxis>& axes, const ResizeRule& rule,
                            const Shape& shape) {
  std::vector<double> all;
  for (std::int64_t flat = 0; flat < volume_of(shape); ++flat) {
    bool is_any = false;
    for (const ResizedAxis& a : axes) {
      std::int64_t stride = 1;
      for (std::size_t d = a.axis + 1; d < shape.size(); ++d) stride *= shape[d];
      is_any = is_any || is_outside(a, rule, flat / stride % a.out);
    }
    all.push_back(is_any ? 1 : 0);
  }
  return all;
}

bool is_plain(const OnnxWriter& w) {
  const std::string where = w.node.text("coordinate_transformation_mode", "");
  return !w.node.has("axes") && w.node.integer("antialias", 0) == 0 &&
         w.node.text("keep_aspect_ratio_policy", "stretch") == "stretch" &&
         where != "tf_crop_and_resize" && where != "half_pixel_symmetric";
}

void resize(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (is_plain(w) || x.empty()) return;
  ResizeRule rule;
  rule.coordinates = w.node.text("coordinate_transformation_mode", "half_pixel");
  rule.mode = w.node.text("mode", "nearest");
  rule.nearest_mode = w.node.text("nearest_mode", "round_prefer_floor");
  rule.cubic = w.node.real("cubic_coeff_a", -0.75);
  rule.widens = w.node.integer("antialias", 0) != 0;
  rule.excludes_outside = w.node.integer("exclude_outside", 0) != 0;
  if (rule.mode != "linear" && rule.mode != "cubic" && rule.mode != "nearest")
    w.node.fail(fmt::format("mode \"{}\" is not known", rule.mode));
  const std::vector<ResizedAxis> axes = resized_axes(w, x, rule.coordinates);
  const bool is_float = w.type(0) == P::FLOAT;
  std::string y = w.node.input(0);
  if (!is_float) {
    y = w.add("Cast", {y}, "real");
    w.with("to", std::int64_t{P::FLOAT});
  }
  Shape to = x;
  for (const ResizedAxis& a : axes) {
    if (a.out < 1) w.node.fail("an axis becomes empty");
    to[a.axis] = a.out;
    w.check_made({a.in, a.out});
    const auto at = static_cast<std::int64_t>(a.axis);
    const Shape order = axes_moved_last(x.size(), {at});
    const auto part = [&](const char* what) { return fmt::format("axis{}{}", a.axis, what); };
    y = w.add("Transpose", {y}, part("_last"));
    w.with("perm", order);
    const std::string matrix = w.sized_reals(part("_weights"), weights_of(a, rule), {a.in, a.out});
    y = w.add("MatMul", {y, matrix}, part("_resized"));
    y = w.add("Transpose", {y}, part(""));
    w.with("perm", inverse(order));
  }
  const double fill = w.node.real("extrapolation_value", 0);
  if (rule.coordinates == "tf_crop_and_resize" && fill != 0) {
    w.check_made(to);
    std::vector<double> values = outside(axes, rule, to);
    for (double& value : values) value *= fill;
    y = w.add("Add", {y, w.sized_reals("outside", values, to)}, "filled");
  }
  if (is_float) {
    w.add("Identity", {y});
  } else {
    w.add("Cast", {y});
    w.with("to", std::int64_t{w.type(0)});
  }
}

}  // namespace

std::vector<OnnxExpansion> onnx_resample_expansions() {
  return {
      {"", "Resize",
       "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f "
       "exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s "
       "mode:s nearest_mode:s",
       resize},
  };
}

}  // namespace bitjoule
