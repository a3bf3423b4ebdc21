// Resized images whose places the vector unit does not compute (parts of an
// image, filters that widen as an image shrinks): axis by axis a product with a
// matrix of weights. Grids of places and images of overlapping blocks likewise.
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

/// Places on a grid from -1 to 1 along each axis, moved by the matrix of each image.
void affine_grid(OnnxWriter& w) {
  const Shape theta = w.shape(0);
  if (theta.empty()) return;
  const std::optional<Shape> size = w.whole(1);
  if (!size || (size->size() != 4 && size->size() != 5))
    w.node.fail("size: expected 4 or 5 constants");
  const Shape image(size->begin() + 2, size->end());
  const auto axes = static_cast<std::int64_t>(image.size());
  if (theta != Shape{size->front(), axes, axes + 1})
    w.node.fail(fmt::format("expected a matrix of {} x {} for each image", axes, axes + 1));
  const std::int64_t places = volume_of(image);
  w.check_made({places, axes + 1});
  const bool corners = w.node.integer("align_corners", 0) != 0;
  std::vector<double> grid;
  for (std::int64_t flat = 0; flat < places; ++flat) {
    std::vector<double> place = {1};  // the last axis comes first
    std::int64_t rest = flat;
    for (std::size_t d = image.size(); d-- > 0; rest /= image[d]) {
      const auto at = static_cast<double>(rest % image[d]), all = static_cast<double>(image[d]);
      place.push_back(corners ? 2 * at / std::max(1.0, all - 1) - 1 : (2 * at + 1) / all - 1);
    }
    grid.insert(grid.end(), place.begin() + 1, place.end());
    grid.push_back(1);
  }
  const std::string matrices = w.add("Transpose", {w.node.input(0)}, "turned");
  w.with("perm", Shape{0, 2, 1});
  const std::string moved =
      w.add("MatMul", {w.sized_reals("grid", grid, {places, axes + 1}), matrices}, "moved");
  Shape out = {theta[0]};
  out.insert(out.end(), image.begin(), image.end());
  out.push_back(axes);
  w.add("Reshape", {moved, w.sized("shape", out)});
}

/// The sums of blocks that overlap: a product with ones where an element of a block lies.
void col2im(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.empty()) return;
  const std::optional<Shape> image = w.whole(1), block = w.whole(2);
  if (!image || !block || image->empty() || image->size() != block->size() || x.size() != 3)
    w.node.fail("expected rows of blocks, and constants for the sizes of image and block");
  w.check_made(*image);
  w.check_made(*block);
  const std::size_t axes = image->size();
  const auto each = [&](const char* name, std::size_t count, std::int64_t otherwise) {
    Shape values = w.node.has(name) ? w.node.integers(name) : Shape(count, otherwise);
    for (const std::int64_t value : values)
      if (value < 0 || value > kMostMade)
        w.node.fail(fmt::format("{}: {} is not supported", name, value));
    return values;
  };
  const Shape dilations = each("dilations", axes, 1), strides = each("strides", axes, 1);
  const Shape pads = each("pads", 2 * axes, 0);
  Shape counts;  // blocks along each axis
  for (std::size_t d = 0; d < axes; ++d) {
    const std::int64_t reach = (*block)[d] < 1 ? 0 : dilations[d] * ((*block)[d] - 1) + 1;
    const std::int64_t room = (*image)[d] + pads[d] + pads[axes + d] - reach;
    if ((*image)[d] < 1 || reach < 1 || strides[d] < 1 || room < 0)
      w.node.fail("its blocks do not fit its image");
    counts.push_back(room / strides[d] + 1);
  }
  const std::int64_t elements = volume_of(*block), blocks = volume_of(counts);
  if (x[1] % elements != 0 || x[2] != blocks) w.node.fail("its blocks do not fit its image");
  const std::int64_t pixels = volume_of(*image);
  w.check_made({elements * blocks, pixels});
  std::vector<double> ones(static_cast<std::size_t>(elements * blocks * pixels), 0);
  for (std::int64_t row = 0; row < elements * blocks; ++row) {
    std::int64_t within = row / blocks, at = row % blocks, pixel = 0, stride = 1;
    bool is_inside = true;
    for (std::size_t d = axes; d-- > 0;) {
      const std::int64_t place =
          at % counts[d] * strides[d] + within % (*block)[d] * dilations[d] - pads[d];
      is_inside = is_inside && place >= 0 && place < (*image)[d];
      pixel += place * stride;
      stride *= (*image)[d];
      within /= (*block)[d];
      at /= counts[d];
    }
    if (is_inside) ones[static_cast<std::size_t>(row * pixels + pixel)] = 1;
  }
  const std::int64_t channels = x[1] / elements;
  const std::string rows = w.reshaped(w.node.input(0), {x[0], channels, elements * blocks}, "rows");
  const std::string sums =
      w.add("MatMul", {rows, w.sized_reals("places", ones, {elements * blocks, pixels})}, "sums");
  Shape out = {x[0], channels};
  out.insert(out.end(), image->begin(), image->end());
  w.add("Reshape", {sums, w.sized("shape", out)});
}

}  // namespace

std::vector<OnnxExpansion> onnx_resample_expansions() {
  return {
      {"", "AffineGrid", "align_corners:i", affine_grid},
      {"", "Col2Im", "dilations:I pads:I strides:I", col2im},
      {"", "Resize",
       "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f "
       "exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s "
       "mode:s nearest_mode:s",
       resize},
  };
}

}  // namespace bitjoule
