// Transforms of signals, and images that are sampled at places of a grid.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;

void require_fp32(const OnnxWriter& w, int operand) {
  if (w.type(operand) != P::FLOAT && !w.reads_constants())
    w.node.fail("supported are operands of 32-bit floats");
}

/// What a transform does to one row.
struct Transform {
  std::int64_t in = 1, length = 1, bins = 1;  ///< elements that are there, and those it takes
  std::int64_t parts = 1;                     ///< of an element: 2 are real and imaginary
  bool inverse = false;
};

/// [in * parts, bins * 2]: what an element adds to real and imaginary part of each bin.
std::vector<double> matrix_of(const Transform& t) {
  std::vector<double> all;
  const double turn = (t.inverse ? 2 : -2) * std::acos(-1.0) / static_cast<double>(t.length);
  const double scale = t.inverse ? 1 / static_cast<double>(t.length) : 1;
  for (std::int64_t n = 0; n < t.in; ++n)
    for (std::int64_t part = 0; part < t.parts; ++part)
      for (std::int64_t k = 0; k < t.bins; ++k) {
        const double angle = turn * static_cast<double>(k * n % t.length);
        const double c = n < t.length ? scale * std::cos(angle) : 0;
        const double s = n < t.length ? scale * std::sin(angle) : 0;
        all.push_back(part == 0 ? c : -s);
        all.push_back(part == 0 ? s : c);
      }
  return all;
}

std::string add_matrix(OnnxWriter& w, const Transform& t) {
  const Shape shape = {t.in * t.parts, t.bins * 2};
  w.check_made(shape);
  return w.sized_reals("matrix", matrix_of(t), shape);
}

std::int64_t one_whole(const OnnxWriter& w, int operand, std::int64_t otherwise) {
  if (!w.has(operand)) return otherwise;
  const std::optional<Shape> given = w.whole(operand);
  if (!given || given->size() != 1)
    w.node.fail(fmt::format("operand {} must be a constant number", operand + 1));
  return (*given)[0];
}

/// Along an axis of [..., real or complex].
void dft(OnnxWriter& w) {
  if (w.reads_constants() && !w.knows_shape(0)) return;
  require_fp32(w, 0);
  const Shape x = w.shape(0);
  const auto axes = static_cast<std::int64_t>(x.size());
  const bool one_sided = w.node.integer("onesided", 0) != 0;
  std::int64_t axis = w.node.opset() < 20 ? w.node.integer("axis", 1) : one_whole(w, 2, -2);
  if (axis < 0) axis += axes;
  if (axes < 2 || axis < 0 || axis >= axes - 1 || x.back() > 2)
    w.node.fail("expected real or complex numbers along the last axis, and another axis");
  Transform t;
  t.in = x[static_cast<std::size_t>(axis)];
  t.parts = x.back();
  t.length = one_whole(w, 1, t.in);
  t.inverse = w.node.integer("inverse", 0) != 0;
  if (t.length < 1 || (t.inverse && one_sided))
    w.node.fail("an inverse of one side, or no length, is not supported");
  t.bins = one_sided ? t.length / 2 + 1 : t.length;
  // The axis last, in front of real and imaginary parts.
  Shape order, back(x.size());
  for (std::int64_t i = 0; i < axes - 1; ++i)
    if (i != axis) order.push_back(i);
  order.push_back(axis);
  order.push_back(axes - 1);
  Shape rows, found;
  for (std::size_t i = 0; i < order.size(); ++i) {
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
    if (i + 2 < order.size()) rows.push_back(x[static_cast<std::size_t>(order[i])]);
  }
  found = rows;
  rows.push_back(t.in * t.parts);
  found.insert(found.end(), {t.bins, 2});
  w.add("Transpose", {w.node.input(0)}, "moved");
  w.with("perm", order);
  const std::string flat = w.reshaped(w.name("moved"), rows, "rows");
  const std::string sums = w.add("MatMul", {flat, add_matrix(w, t)}, "sums");
  const std::string parts = w.reshaped(sums, found, "parts");
  w.add("Transpose", {parts});
  w.with("perm", back);
}

/// Transforms of frames of a real signal, one for each step.
void stft(OnnxWriter& w) {
  if (w.reads_constants() && !w.knows_shape(0)) return;
  require_fp32(w, 0);
  const Shape x = w.shape(0);
  const bool has_parts = x.size() == 3;
  if (x.size() < 2 || x.size() > 3 || (has_parts && x[2] != 1))
    w.node.fail("supported are real signals, [batch, samples] or [batch, samples, 1]");
  const std::int64_t step = one_whole(w, 1, 0);
  const Shape window = w.has(2) ? w.shape(2) : Shape();
  Transform t;
  t.in = t.length = one_whole(w, 3, window.size() == 1 ? window[0] : 0);
  if (step < 1 || t.length < 1 || t.length > x[1] || (w.has(2) && window != Shape{t.length}))
    w.node.fail("its step, frames and window do not fit the signal");
  t.bins = w.node.integer("onesided", 1) != 0 ? t.length / 2 + 1 : t.length;
  const std::int64_t frames = 1 + (x[1] - t.length) / step;
  Shape places;
  w.check_made({frames, t.length});
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t i = 0; i < t.length; ++i) places.push_back(f * step + i);
  const std::string index = w.sized_of(P::INT64, "places", places, {frames, t.length});
  std::string signal = w.node.input(0);
  if (has_parts) signal = w.reshaped(signal, {x[0], x[1]}, "signal");
  std::string frame = w.add("Gather", {signal, index}, "frames");
  w.with("axis", std::int64_t{1});
  if (w.has(2)) frame = w.add("Mul", {frame, w.node.input(2)}, "windowed");
  const std::string sums = w.add("MatMul", {frame, add_matrix(w, t)}, "sums");
  w.reshaped(sums, {x[0], frames, t.bins, 2}, "parts");
  w.to_output(0);
}

/// Samples of an image at the places of a grid.
class GridSample {
 public:
  explicit GridSample(OnnxWriter& w) : w_(w) {}

  void expand() {
    if (w_.reads_constants() && (!w_.knows_shape(0) || !w_.knows_shape(1))) return;
    check();
    w_.add("Transpose", {w_.node.input(0)}, "pixels");
    w_.with("perm", Shape{0, 2, 3, 1});
    rows_ = w_.reshaped(w_.name("pixels"), {x_[0] * x_[2] * x_[3], x_[1]}, "rows");
    const std::string along = place("x", 0, x_[3]), down = place("y", 1, x_[2]);
    std::string sum;
    if (nearest_) {
      sum = sample("nearest.", w_.add("Round", {along}, "column"), w_.add("Round", {down}, "row"),
                   "");
    } else {
      const Ends columns = ends("x", along), rows = ends("y", down);
      for (const bool lower : {false, true})
        for (const bool right : {false, true}) {
          const std::string part =
              fmt::format("{}{}.", lower ? "lower" : "upper", right ? "right" : "left");
          const std::string weight = w_.add(
              "Mul", {right ? columns.after : columns.before, lower ? rows.after : rows.before},
              part + "weight");
          const std::string one = sample(part, right ? columns.next : columns.first,
                                         lower ? rows.next : rows.first, weight);
          sum = sum.empty() ? one : w_.add("Add", {sum, one}, fmt::format("{}sum", part));
        }
    }
    w_.add("Transpose", {sum});
    w_.with("perm", Shape{0, 3, 1, 2});
  }

 private:
  /// Of a place along an axis: its neighbours, and how much of each.
  struct Ends {
    std::string first, next, before, after;
  };

  void check() {
    x_ = w_.shape(0);
    grid_ = w_.shape(1);
    require_fp32(w_, 0);
    require_fp32(w_, 1);
    const std::string mode = w_.node.text("mode", "linear");
    const std::string padding = w_.node.text("padding_mode", "zeros");
    nearest_ = mode == "nearest";
    reflects_ = padding == "reflection";
    border_ = padding == "border" || reflects_;
    aligns_ = w_.node.integer("align_corners", 0) != 0;
    if (x_.size() != 4 || grid_.size() != 4 || grid_[3] != 2 || grid_[0] != x_[0])
      w_.node.fail("supported are images and grids of two places");
    if ((!nearest_ && mode != "bilinear" && mode != "linear") || (!border_ && padding != "zeros"))
      w_.node.fail(fmt::format("mode {} with padding {} is not supported", mode, padding));
    if (x_[0] * x_[2] * x_[3] >= 1 << 24) w_.node.fail("its image has 2^24 pixels or more");
  }

  std::string real(const std::string& part, double value) {
    return w_.sized_reals(part, {value}, {});
  }

  /// From -1..1 to pixels.
  std::string place(const std::string& part, std::int64_t coordinate, std::int64_t size) {
    const auto n = static_cast<double>(size);
    const std::string own = w_.add(
        "Gather", {w_.node.input(1), w_.sized_of(P::INT64, part + "_index", {coordinate}, {})},
        part + "_given");
    w_.with("axis", std::int64_t{3});
    const std::string wide =
        w_.add("Mul", {own, real(part + "_scale", (aligns_ ? n - 1 : n) / 2)}, part + "_wide");
    std::string at = w_.add("Add", {wide, real(part + "_middle", (n - 1) / 2)}, part + "_at");
    if (!border_) return at;
    return clamped(part + "_inside", reflects_ ? reflected(part, at, size) : at, size);
  }

  /// Back and forth between the first and the last pixel, or their outer edges.
  std::string reflected(const std::string& part, const std::string& at, std::int64_t size) {
    const double low = aligns_ ? 0 : -0.5;
    const double range = std::max(1e-6, static_cast<double>(size) - 1 - 2 * low);
    const auto step = [&](const char* op, const std::string& a, const std::string& b,
                          const char* name) {
      return w_.add(op, b.empty() ? std::vector<std::string>{a} : std::vector<std::string>{a, b},
                    part + name);
    };
    const std::string period = real(part + "_period", 2 * range), edge = real(part + "_edge", low);
    const std::string far = step("Abs", step("Sub", at, edge, "_off"), "", "_far");
    const std::string turns = step("Floor", step("Div", far, period, "_ratio"), "", "_turns");
    const std::string rest = step("Sub", far, step("Mul", turns, period, "_whole"), "_rest");
    // 0 .. range .. 0 of a rest of 0 .. 2 * range
    const std::string left = step("Sub", rest, real(part + "_range", range), "_left");
    const std::string away = step("Abs", left, "", "_away");
    return step("Sub", real(part + "_end", low + range), away, "_reflected");
  }

  std::string clamped(const std::string& part, const std::string& x, std::int64_t size) {
    const std::string low = w_.add("Max", {x, real("zero", 0)}, part + "_low");
    const std::string last = real(fmt::format("last{}", size), static_cast<double>(size - 1));
    return w_.add("Min", {low, last}, part);
  }

  Ends ends(const std::string& part, const std::string& at) {
    Ends e;
    e.first = w_.add("Floor", {at}, part + "_first");
    e.next = w_.add("Add", {e.first, real("one", 1)}, part + "_next");
    e.after = w_.add("Sub", {at, e.first}, part + "_after");
    e.before = w_.add("Sub", {real("one", 1), e.after}, part + "_before");
    return e;
  }

  /// What lies there times its weight; beyond the image nothing.
  std::string sample(const std::string& part, const std::string& column, const std::string& row,
                     const std::string& stated) {
    const std::string x = clamped(part + "x", column, x_[3]), y = clamped(part + "y", row, x_[2]);
    std::string weight = stated;
    const auto inside_alone = [&](const std::string& along, const std::string& clamped_place,
                                  const std::string& place) {
      const std::string same = w_.add("Equal", {clamped_place, place}, along + "_is_inside");
      const std::string share = w_.add("Cast", {same}, along + "_share");
      w_.with("to", std::int64_t{P::FLOAT});
      weight = weight.empty() ? share : w_.add("Mul", {weight, share}, along + "_weight");
    };
    if (!border_) {
      inside_alone(part + "x", x, column);
      inside_alone(part + "y", y, row);
    }
    std::vector<double> images;
    for (std::int64_t i = 0; i < x_[0]; ++i)
      images.push_back(static_cast<double>(i * x_[2] * x_[3]));
    const std::string first = w_.sized_reals("images", images, {x_[0], 1, 1});
    const std::string rows =
        w_.add("Mul", {y, real("width", static_cast<double>(x_[3]))}, part + "rows");
    const std::string place = w_.add("Add", {rows, x}, part + "place");
    const std::string all = w_.add("Add", {place, first}, part + "all");
    const std::string index = w_.add("Cast", {all}, part + "index");
    w_.with("to", std::int64_t{P::INT64});
    std::string found = w_.add("Gather", {rows_, index}, part + "found");
    w_.with("axis", std::int64_t{0});
    if (weight.empty()) return found;
    const std::string wide =
        w_.reshaped(weight, {grid_[0], grid_[1], grid_[2], 1}, part + "wide_weight");
    return w_.add("Mul", {found, wide}, part + "weighed");
  }

  OnnxWriter& w_;
  Shape x_, grid_;
  std::string rows_;
  bool nearest_ = false, border_ = false, reflects_ = false, aligns_ = false;
};

void grid_sample(OnnxWriter& w) { GridSample(w).expand(); }

}  // namespace

std::vector<OnnxExpansion> onnx_signal_expansions() {
  return {{"", "DFT", "axis:i inverse:i onesided:i", dft},
          {"", "STFT", "onesided:i", stft},
          {"", "GridSample", "align_corners:i mode:s padding_mode:s", grid_sample}};
}

}  // namespace bitjoule
