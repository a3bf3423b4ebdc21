// Elements by their places: the largest ones, those that indices name, and around the borders.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "sim/formats/onnx_attention_parts.h"
#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;
using P = onnx::TensorProto;

std::int64_t product(const Shape& shape, std::size_t first, std::size_t end) {
  return volume_of(Shape(shape.begin() + static_cast<std::ptrdiff_t>(first),
                         shape.begin() + static_cast<std::ptrdiff_t>(end)));
}
std::size_t axis_of(const OnnxWriter& w, std::int64_t otherwise, std::size_t rank) {
  return static_cast<std::size_t>(w.node.settled_axis(w.node.integer("axis", otherwise), rank));
}

/// The largest (or smallest), one after the other: a machine without a sorter. In the place of what
/// was taken stands the row's worst, which is right for every type; of equal ones the first that
/// is still open is next.
void top_k(OnnxWriter& w) {
  constexpr std::int64_t kMost = 1024, kMostPlaces = std::int64_t{1} << 24;
  const Shape x = w.shape(0);
  if (x.empty()) return;
  const std::size_t axis = axis_of(w, -1, x.size());
  std::int64_t count = w.node.integer("k", 0);
  if (w.has(1)) {
    const std::optional<Shape> k = w.whole(1);
    if (!k || k->size() != 1) w.node.fail("k must be a constant");
    count = k->front();
  }
  if (count < 1 || count > x[axis] || count > kMost || x[axis] > kMostPlaces / count)
    w.node.fail(fmt::format("the {} largest of {}: expected 1..{}, together at most {} places",
                            count, x[axis], std::min(kMost, x[axis]), kMostPlaces));
  const bool smallest = w.node.integer("largest", 1) == 0;
  const auto at = static_cast<std::int64_t>(axis);
  const auto reduced = [&](bool least, const std::string& of, const std::string& part) {
    std::string y = w.add(least ? "ReduceMin" : "ReduceMax", {of}, part);
    w.with("axes", Shape{at}).with("keepdims", std::int64_t{1});
    return y;
  };
  Shape along(x.size(), 1);
  along[axis] = x[axis];
  const std::string places = w.sized_of(P::INT64, "places", counted(0, x[axis]), along);
  const std::string zero = w.scalar("zero", 0, P::FLOAT);
  std::string left = w.node.input(0), open = w.scalar("one", 1, P::FLOAT), worst;
  if (count > 1) worst = reduced(!smallest, left, "worst");
  Names values, indices;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto part = [&](const char* what) { return fmt::format("{}.{}", i, what); };
    values.push_back(reduced(smallest, left, part("value")));
    const std::string equal = w.add("Equal", {left, values.back()}, part("equal"));
    indices.push_back(
        w.add("ArgMax", {w.add("Where", {equal, open, zero}, part("free"))}, part("index")));
    w.with("axis", at).with("keepdims", std::int64_t{1});
    if (i + 1 == count) break;
    const std::string taken = w.add("Equal", {places, indices.back()}, part("taken"));
    left = w.add("Where", {taken, worst, left}, part("left"));
    open = w.add("Where", {taken, zero, open}, part("open"));
  }
  const auto yield = [&](int output, const Names& parts) {
    if (w.node.output(output).empty()) return;
    w.add("Concat", parts, output == 0 ? "values" : "indices");
    w.with("axis", at);
    w.to_output(output);
  };
  yield(0, values);
  yield(1, indices);
}

/// Of the first largest element a one, zeros elsewhere. Until opset 13 all axes from `axis` on are
/// one.
void hardmax(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.empty()) return;
  const bool one_axis = w.node.opset() >= 13;
  std::size_t axis = axis_of(w, one_axis ? -1 : 1, x.size());
  std::string rows = w.node.input(0);
  Shape shape = x;
  if (!one_axis) {
    shape = {product(x, 0, axis), product(x, axis, x.size())};
    axis = 1;
    rows = w.reshaped(rows, shape, "rows");
  }
  Shape along(shape.size(), 1);
  along[axis] = shape[axis];
  const std::string best = w.add("ArgMax", {rows}, "best");
  w.with("axis", static_cast<std::int64_t>(axis)).with("keepdims", std::int64_t{1});
  const std::string places = w.sized_of(P::INT64, "places", counted(0, shape[axis]), along);
  const std::string is_best = w.add("Equal", {places, best}, "is_best");
  const std::string ones = w.add("Cast", {is_best}, "ones");
  w.with("to", std::int64_t{w.type(0)});
  w.add("Reshape", {ones, w.sized("output_shape", x)});
}

void one_hot(OnnxWriter& w) {
  const Shape x = w.shape(0);
  const std::optional<Shape> depth = w.whole(1);
  if (!w.knows_shape(0)) return;
  if (!depth || depth->size() != 1) w.node.fail("depth must be a constant");
  const std::int64_t n = depth->front();
  const auto axis =
      static_cast<std::size_t>(w.node.settled_axis(w.node.integer("axis", -1), x.size() + 1));
  Shape along(x.size() + 1, 1);
  along[axis] = n;
  const auto at = static_cast<std::int64_t>(axis);
  const std::string wide =
      w.add("Unsqueeze", {w.node.input(0), w.sized("wide_axes", {at})}, "wide");
  const std::string zero = w.scalar("zero", 0, w.type(0)),
                    size = w.scalar("size", static_cast<double>(n), w.type(0));
  const std::string behind = w.add("Add", {wide, size}, "from_behind");
  const std::string below = w.add("Less", {wide, zero}, "is_negative");
  const std::string index = w.add("Where", {below, behind, wide}, "index");
  const std::string hit =
      w.add("Equal", {w.sized_of(w.type(0), "places", counted(0, n), along), index}, "hit");
  const std::optional<std::vector<double>> stored = w.reals(2);
  const auto value = [&](std::int64_t i, const char* part) {
    if (stored && stored->size() == 2)
      return w.scalar(part, (*stored)[static_cast<std::size_t>(i)], w.type(2));
    std::string name = w.add("Slice", {w.node.input(2)}, part);
    w.with("starts", Shape{i}).with("ends", Shape{i + 1}).with("axes", Shape{0});
    return name;
  };
  w.add("Where", {hit, value(1, "on"), value(0, "off")});
}

// Elements by indices. A place in rows of a flat table is the sum of index * stride.

/// The index from the front where it counts from behind.
std::string settled(OnnxWriter& w, const std::string& index, std::int64_t size, int type,
                    const std::string& part) {
  const std::string behind =
      w.add("Add", {index, w.scalar(part + "_size", static_cast<double>(size), type)},
            part + "_from_behind");
  const std::string below =
      w.add("Less", {index, w.scalar(part + "_zero", 0, type)}, part + "_is_negative");
  return w.add("Where", {below, behind, index}, part + "_settled");
}

/// index * stride of an axis of `size`; where the index is none of the axis, -2 * `places`, which
/// no sum with others makes a place, also not one from behind. Constants are looked at when the
/// model is read.
std::string strided(OnnxWriter& w, std::string index, std::int64_t size, std::int64_t stride,
                    std::int64_t places, const std::string& part) {
  const int type = w.type(1);
  index = settled(w, index, size, type, part);
  std::string y =
      w.add("Mul", {index, w.scalar(part + "_stride", static_cast<double>(stride), type)},
            part + "_strided");
  if (w.whole(1)) return y;
  const std::string none = w.scalar(part + "_none", -2.0 * static_cast<double>(places), type);
  const std::string low =
      w.add("Less", {index, w.scalar(part + "_first", 0, type)}, part + "_is_low");
  const std::string fits = w.add(
      "Less", {index, w.scalar(part + "_end", static_cast<double>(size), type)}, part + "_fits");
  y = w.add("Where", {low, none, y}, part + "_not_low");
  return w.add("Where", {fits, y, none}, part + "_within");
}
void check_stored(const OnnxWriter& w, std::int64_t index, std::int64_t size) {
  if (index < -size || index >= size)
    w.node.fail(fmt::format("index {} of an axis of {}", index, size));
}

/// Flat places of indices[..] along `axis` of a tensor of `sizes`.
std::string flat_places(OnnxWriter& w, const Shape& sizes, std::size_t axis) {
  const Shape shape = w.shape(1);
  const int type = w.type(1);
  if (shape.size() != sizes.size()) w.node.fail("indices: expected as many axes as the data have");
  w.check_made(shape);
  const std::int64_t stride = product(sizes, axis + 1, sizes.size());
  Shape bases;
  for (std::int64_t i = 0; i < volume_of(shape); ++i) {
    std::int64_t rest = i, base = 0, own = 1;
    for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      if (d != axis) base += rest % shape[d] * own;
      own *= sizes[d];
    }
    bases.push_back(base);
  }
  if (const std::optional<Shape> stored = w.whole(1))
    for (const std::int64_t index : *stored) check_stored(w, index, sizes[axis]);
  const std::string place =
      strided(w, w.node.input(1), sizes[axis], stride, volume_of(sizes), "index");
  return w.add("Add", {place, w.sized_of(type, "bases", bases, shape)}, "places");
}

void gather_elements(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.empty() || w.shape(1).empty()) return;
  const std::string places = flat_places(w, x, axis_of(w, 0, x.size()));
  w.add("Gather", {w.reshaped(w.node.input(0), {volume_of(x)}, "flat"), places});
}

/// Rows of [n, c] replaced, or added to, at indices; back to the data's shape.
void scatter_rows(OnnxWriter& w, const std::string& places, const Shape& rows, std::int64_t count) {
  const std::string mode = w.node.text("reduction", "none");
  static const Names kModes = {"none", "add", "mul", "max", "min"};
  const auto way = std::find(kModes.begin(), kModes.end(), mode) - kModes.begin();
  if (way == static_cast<std::ptrdiff_t>(kModes.size()))
    w.node.fail(fmt::format("reduction \"{}\" is unknown", mode));
  const std::string flat = w.reshaped(w.node.input(0), rows, "flat");
  const std::string fresh = w.reshaped(w.node.input(2), {count, rows[1]}, "updates");
  const std::string y =
      w.add("ScatterRows", {flat, w.reshaped(places, {count}, "flat_places"), fresh}, "scattered");
  w.with("way", std::int64_t{way}).in_domain(kOwnDomain);
  w.add("Reshape", {y, w.sized("output_shape", w.shape(0))});
}

void scatter_elements(OnnxWriter& w) {
  const Shape x = w.shape(0), indices = w.shape(1);
  if (x.empty() || indices.empty()) return;
  scatter_rows(w, flat_places(w, x, axis_of(w, 0, x.size())), {volume_of(x), 1},
               volume_of(indices));
}

/// Places of rows that tuples along the last axis of the indices name, from axis `batch` on.
std::string tuple_places(OnnxWriter& w, const Shape& x, const Shape& indices, std::size_t batch) {
  const auto length = static_cast<std::size_t>(indices.back());
  if (indices.back() < 1 || batch >= indices.size() || length > x.size() ||
      batch + length > x.size())
    w.node.fail(fmt::format("indices name {} axes, the data have {}", length, x.size()));
  const int type = w.type(1);
  const auto last = static_cast<std::int64_t>(indices.size()) - 1;
  std::string sum;
  if (const std::optional<Shape> stored = w.whole(1))
    for (std::size_t i = 0; i < stored->size(); ++i)
      check_stored(w, (*stored)[i], x[batch + i % length]);
  for (std::size_t i = 0; i < length; ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::string part = fmt::format("axis{}", i);
    std::string index = w.add("Slice",
                              {w.node.input(1), w.sized(fmt::format("{}_from", part), {at}),
                               w.sized(fmt::format("{}_to", part), {at + 1}),
                               w.sized(fmt::format("{}_axis", part), {last})},
                              part);
    index = strided(w, index, x[batch + i], product(x, batch + i + 1, batch + length),
                    product(x, 0, batch + length), part);
    sum = sum.empty() ? index : w.add("Add", {sum, index}, fmt::format("{}_sum", part));
  }
  if (batch == 0) return sum;
  const std::int64_t rows = product(x, batch, batch + length);
  w.check_made(Shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(batch)));
  Shape bases, wide(indices.size(), 1);
  for (std::size_t i = 0; i < batch; ++i) wide[i] = indices[i];
  for (std::int64_t i = 0; i < product(x, 0, batch); ++i) bases.push_back(i * rows);
  return w.add("Add", {sum, w.sized_of(type, "bases", bases, wide)}, "places");
}

void gather_nd(OnnxWriter& w) {
  const Shape x = w.shape(0), indices = w.shape(1);
  if (x.empty() || indices.empty()) return;
  const auto batch =
      static_cast<std::size_t>(std::max<std::int64_t>(0, w.node.integer("batch_dims", 0)));
  const std::string places = tuple_places(w, x, indices, batch);
  const std::size_t named = batch + static_cast<std::size_t>(indices.back());
  const Shape rows = {product(x, 0, named), product(x, named, x.size())};
  const std::string found =
      w.add("Gather", {w.reshaped(w.node.input(0), rows, "flat"), places}, "rows");
  Shape out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), x.begin() + static_cast<std::ptrdiff_t>(named), x.end());
  w.add("Reshape", {found, w.sized("output_shape", out)});
}

void scatter_nd(OnnxWriter& w) {
  const Shape x = w.shape(0), indices = w.shape(1);
  if (x.empty() || indices.empty()) return;
  const std::string places = tuple_places(w, x, indices, 0);
  const auto named = static_cast<std::size_t>(indices.back());
  scatter_rows(w, places, {product(x, 0, named), product(x, named, x.size())},
               volume_of(indices) / indices.back());
}

// Borders.

/// The element of `size` that stands at a place before or behind them.
std::int64_t border(const std::string& mode, std::int64_t place, std::int64_t size) {
  if (mode == "edge") return std::clamp<std::int64_t>(place, 0, size - 1);
  if (mode == "wrap") return (place % size + size) % size;
  const std::int64_t period = std::max<std::int64_t>(1, 2 * (size - 1));
  const std::int64_t turned = (place % period + period) % period;
  return turned < size ? turned : period - turned;
}

/// Elements of the operand around it, and negative pads, which cut; zeros and constants stay pads.
void pad(OnnxWriter& w) {
  const Shape x = w.shape(0);
  const std::string mode = w.node.text("mode", "constant");
  std::optional<Shape> pads = w.node.integers(w.node.has("paddings") ? "paddings" : "pads");
  if (w.has(1)) pads = w.whole(1);
  std::optional<Shape> axes = counted(0, static_cast<std::int64_t>(x.size()));
  if (w.has(3)) axes = w.whole(3);
  if (x.empty() || !pads || !axes || pads->size() != 2 * axes->size()) return;
  const bool cuts = std::any_of(pads->begin(), pads->end(), [](std::int64_t p) { return p < 0; });
  if (mode == "constant" && !cuts) return;
  if (mode != "constant" && mode != "edge" && mode != "wrap" && mode != "reflect")
    w.node.fail(fmt::format("mode \"{}\" is unknown", mode));
  std::string y = w.node.input(0);
  Shape rest(2 * axes->size(), 0);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto axis = static_cast<std::size_t>(w.node.settled_axis((*axes)[i], x.size()));
    const std::int64_t before = (*pads)[i], after = (*pads)[axes->size() + i], size = x[axis];
    const auto at = static_cast<std::int64_t>(axis);
    constexpr std::int64_t kMost = std::int64_t{1} << 20;
    if (before == 0 && after == 0) continue;
    if (std::max(before, after) > kMost || std::min(before, after) < -size ||
        size + before + after < 1)
      w.node.fail(fmt::format("pads {} and {} of {}", before, after, size));
    if (mode == "constant") {
      if (before < 0 || after < 0) {
        y = w.add("Slice", {y}, fmt::format("axis{}", axis));
        w.with("starts", Shape{std::max<std::int64_t>(0, -before)})
            .with("ends", Shape{size + std::min<std::int64_t>(0, after)})
            .with("axes", Shape{at});
      }
      rest[i] = std::max<std::int64_t>(0, before);
      rest[axes->size() + i] = std::max<std::int64_t>(0, after);
      continue;
    }
    Shape places;
    for (std::int64_t p = -before; p < size + after; ++p) places.push_back(border(mode, p, size));
    y = w.add("Gather", {y, w.sized(fmt::format("places{}", axis), places)},
              fmt::format("axis{}", axis));
    w.with("axis", at);
  }
  if (mode != "constant" ||
      std::all_of(rest.begin(), rest.end(), [](std::int64_t p) { return p == 0; })) {
    w.add("Identity", {y});
    return;
  }
  Names inputs = {y, w.sized("pads", rest), w.node.input(2), w.node.input(3)};
  while (inputs.back().empty()) inputs.pop_back();
  w.add("Pad", inputs);
  if (w.node.has("value")) w.with("value", w.node.real("value", 0));
}

/// The places whose condition is true; how many that are must be known.
void compress(OnnxWriter& w) {
  const std::optional<Shape> chosen = w.whole(1);
  if (!chosen) w.node.fail("its condition depends on data");
  Shape places;
  for (std::size_t i = 0; i < chosen->size(); ++i)
    if ((*chosen)[i] != 0) places.push_back(static_cast<std::int64_t>(i));
  if (places.empty()) w.node.fail("its result has no elements, which is not supported");
  std::string x = w.node.input(0);
  const bool flat = !w.node.has("axis");
  if (flat) x = w.reshaped(x, {-1}, "flat");
  w.add("Gather", {x, w.sized("places", places)});
  w.with("axis", flat ? 0 : w.node.integer("axis", 0));
}

// Parts without elements: exporters leave them where a size might not have been 0.

/// Of parts that are not all there each becomes a slice.
void split_with_none(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.empty()) return;
  const std::size_t axis = axis_of(w, 0, x.size());
  std::optional<Shape> sizes = w.has(1) ? w.whole(1) : w.node.integers("split");
  const auto fits = [&](std::int64_t size) { return size >= 0 && size <= x[axis]; };
  if (!sizes || std::find(sizes->begin(), sizes->end(), 0) == sizes->end() ||
      !std::all_of(sizes->begin(), sizes->end(), fits) ||
      std::accumulate(sizes->begin(), sizes->end(), std::int64_t{0}) != x[axis] ||
      static_cast<int>(sizes->size()) != w.node.outputs())
    return;
  std::int64_t first = 0;
  for (int i = 0; i < w.node.outputs(); ++i) {
    const std::int64_t end = first + (*sizes)[static_cast<std::size_t>(i)];
    if (!w.node.output(i).empty()) {
      cut(w, w.node.input(0), static_cast<std::int64_t>(axis), first, end, fmt::format("{}", i));
      w.to_output(i);
    }
    first = end;
  }
}

void concat_with_none(OnnxWriter& w) {
  Names parts;
  bool all_known = true;
  for (int i = 0; i < w.node.inputs(); ++i) {
    all_known = all_known && w.knows_shape(i);
    if (!w.knows_shape(i) || volume_of(w.shape(i)) > 0) parts.push_back(w.node.input(i));
  }
  if (!all_known || parts.empty() || static_cast<int>(parts.size()) == w.node.inputs()) return;
  if (parts.size() == 1) {
    w.add("Identity", parts);
    return;
  }
  w.add("Concat", parts);
  w.with("axis", w.node.integer("axis", 1));
}

}  // namespace

std::vector<OnnxExpansion> onnx_place_expansions() {
  return {
      {"", "Compress", "axis:i", compress},
      {"", "Concat", "axis:i", concat_with_none},
      {"", "GatherElements", "axis:i", gather_elements},
      {"", "GatherND", "batch_dims:i", gather_nd},
      {"", "Hardmax", "axis:i", hardmax},
      {"", "OneHot", "axis:i", one_hot},
      {"", "Pad", "mode:s paddings:I pads:I value:f", pad},
      {"", "Scatter", "axis:i", scatter_elements},  // its name until opset 11
      {"", "ScatterElements", "axis:i reduction:s", scatter_elements},
      {"", "ScatterND", "reduction:s", scatter_nd},
      {"", "Split", "axis:i num_outputs:i split:I", split_with_none},
      {"", "TopK", "axis:i k:i largest:i sorted:i", top_k},
  };
}

}  // namespace bitjoule
