// TensorFlow Lite operators that yield parts of their operand: codes stay as they are.
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

/// Outputs one after the other along an axis.
void split_along(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& x,
                 std::int64_t axis) {
  const auto along = static_cast<std::size_t>(node.settled_axis(axis, x.shape.size()));
  Shape start(x.shape.size(), 0);
  for (int i = 0; i < node.outputs(); ++i) {
    const TfliteTensor& y = node.output(i);
    require_copy(node, x, y);
    Shape expected = x.shape;
    if (y.shape.size() == expected.size()) expected[along] = y.shape[along];
    if (y.shape != expected || start[along] + y.shape[along] > x.shape[along])
      node.fail(fmt::format("\"{}\" does not fit", y.name));
    const Shape steps(x.shape.size(), 1);
    builder.add(node, slice_of(x.shape, y.shape, start, steps), {builder.layer_of(node, x)}, i);
    start[along] += y.shape[along];
  }
}

std::int64_t one_axis(const TfliteNode& node, int operand) {
  const Shape axis = node.integers(operand);
  if (axis.size() != 1) node.fail("expected one axis");
  return axis[0];
}
void split(TfliteBuilder& builder, const TfliteNode& node) {
  split_along(builder, node, node.input(1), one_axis(node, 0));
}
void split_v(TfliteBuilder& builder, const TfliteNode& node) {
  split_along(builder, node, node.input(0), one_axis(node, 2));
}

/// Positions as Python's slices have them: counted from behind where negative, then clamped.
std::int64_t position(std::int64_t stated, std::int64_t size, bool back) {
  const std::int64_t place = stated < 0 ? stated + size : stated;
  return back ? std::clamp<std::int64_t>(place, -1, size - 1)
              : std::clamp<std::int64_t>(place, 0, size);
}

constexpr int kStridedSlice = 32;

/// STRIDED_SLICE axis by axis of its operand: what its masks say, ellipsis and new axes resolved.
struct SliceAxis {
  std::int64_t begin = 0, end = 0, stride = 1;
  bool from_start = true, to_end = true, goes = false;
};

std::vector<SliceAxis> slice_axes(const TfliteNode& node, std::size_t axes) {
  const Shape begin = node.integers(1), end = node.integers(2), strides = node.integers(3);
  if (begin.size() > 31 || end.size() != begin.size() || strides.size() != begin.size())
    node.fail("begin, end and strides: expected as many of each");
  const auto mask = [&](int slot, std::size_t i) {
    return (node.option<std::int32_t>(kStridedSlice, slot, 0) >> i & 1) != 0;
  };
  const bool is_relative = node.option<std::uint8_t>(kStridedSlice, 5, 0) != 0;
  std::size_t named = 0, ellipses = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    ellipses += mask(2, i) ? 1 : 0;
    named += mask(2, i) || mask(3, i) ? 0 : 1;
  }
  if (ellipses > 1) node.fail("expected one ellipsis at most");
  if (named > axes) node.fail("begin, end and strides: more than the operand's axes");
  std::vector<SliceAxis> found;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (mask(2, i)) {
      found.resize(found.size() + axes - named);
    } else if (!mask(3, i)) {
      const std::int64_t stop = is_relative ? begin[i] + end[i] : end[i];
      found.push_back({begin[i], stop, strides[i], mask(0, i), mask(1, i), mask(4, i)});
    }
  }
  found.resize(axes);
  return found;
}

struct StridedRange {
  Shape starts, steps, to;
};

StridedRange strided_range(const TfliteNode& node, const std::vector<SliceAxis>& along) {
  const Shape& x = node.input(0).shape;
  const std::size_t axes = x.size();
  StridedRange range{Shape(axes, 0), Shape(axes, 1), x};
  for (std::size_t i = 0; i < axes; ++i) {
    const SliceAxis& axis = along[i];
    const std::int64_t size = x[i];
    const bool back = axis.stride < 0;
    if (axis.stride == 0) node.fail("strides: expected no 0");
    const std::int64_t most = std::max<std::int64_t>(size, 1);
    std::int64_t &start = range.starts[i], &step = range.steps[i];
    start = axis.from_start ? (back ? size - 1 : 0) : position(axis.begin, size, back);
    step = std::clamp<std::int64_t>(axis.stride, -most, most);
    std::int64_t stop = axis.to_end ? (back ? -1 : size) : position(axis.end, size, back);
    if (axis.goes) {  // one index of it
      stop = start + 1;
      step = 1;
    }
    const std::int64_t distance = step < 0 ? start - stop : stop - start;
    range.to[i] = distance <= 0 ? 0 : (distance - 1) / std::abs(step) + 1;
    if (stop > size) node.fail(fmt::format("index {} of an axis of {}", axis.begin, size));
  }
  return range;
}

void strided_slice(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  const StridedRange range = strided_range(node, slice_axes(node, x.shape.size()));
  builder.add(node, slice_of(x.shape, range.to, range.starts, range.steps),
              {builder.layer_of(node, x)});
}

/// From `begin`, `size` elements along every axis; -1: up to the end.
void slice(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_copy(node, x, node.output());
  const Shape begin = node.integers(1);
  Shape size = node.integers(2);
  if (begin.size() != x.shape.size() || size.size() != x.shape.size())
    node.fail("begin and size: expected one for each axis");
  for (std::size_t i = 0; i < size.size(); ++i) {
    if (begin[i] < 0 || begin[i] > x.shape[i])
      node.fail(fmt::format("begin {} of an axis of {}", begin[i], x.shape[i]));
    if (size[i] == -1) size[i] = x.shape[i] - begin[i];
    if (size[i] < 0 || size[i] > x.shape[i] - begin[i])
      node.fail(fmt::format("{} elements from {} of an axis of {}", size[i], begin[i], x.shape[i]));
  }
  const Shape steps(size.size(), 1);
  builder.add(node, slice_of(x.shape, size, begin, steps), {builder.layer_of(node, x)});
}

}  // namespace

std::optional<Shape> strided_slice_shape(const TfliteNode& node, int) {
  for (const int operand : {1, 2, 3})
    if (!node.input(operand).is_constant()) return {};
  if (node.option<std::int32_t>(kStridedSlice, 3, 0) != 0) return {};  // new axes
  const std::vector<SliceAxis> along = slice_axes(node, node.input(0).shape.size());
  const StridedRange range = strided_range(node, along);
  Shape shape;
  for (std::size_t i = 0; i < along.size(); ++i)
    if (!along[i].goes) shape.push_back(range.to[i]);
  return shape;
}

const std::vector<TfliteLayerRow>& tflite_slice_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"SPLIT", 2, split},
      {"SPLIT_V", 3, split_v},
      {"STRIDED_SLICE", 4, strided_slice},
      {"SLICE", 3, slice},
  };
  return kRows;
}

}  // namespace bitjoule
