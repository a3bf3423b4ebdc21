#include <algorithm>
#include <cmath>
#include <limits>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/oracle/vector_reference_parts.h"

namespace bitjoule::reference {
namespace {

std::int64_t flatten(const Shape& index, const Shape& shape) {
  std::int64_t flat = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + index[d];
  return flat;
}

/// The place of an element in the operand, by its definition.
double place_of(const VectorOp& op, std::size_t axis, std::int64_t o) {
  using C = Resize::Coordinates;
  const Resize& r = *op.resize;
  const auto in = static_cast<double>(op.operand_shapes[0][axis]);
  const auto out = static_cast<double>(op.shape[axis]);
  const double growth = r.scales.empty() ? out / in : r.scales[axis];
  if (r.coordinates == C::kAlignCorners)
    return out == 1 ? 0 : static_cast<double>(o) * (in - 1) / (growth * in - 1);
  if (r.coordinates == C::kPytorchHalfPixel && out == 1) return 0;
  const double half = r.coordinates == C::kAsymmetric ? 0 : 0.5;
  const double place = (static_cast<double>(o) + half) / growth;
  return r.coordinates == C::kFromHalf ? place : place - half;
}

/// Keys' cubic convolution with coefficient a, of a distance.
double keys(double d, double a) {
  d = std::abs(d);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// All elements along each axis by their weights, most of which are 0.
Values cubic(const VectorOp& op, const Values& x) {
  const Shape& from = op.operand_shapes[0];
  const bool skips = vector_beta(op) != 0;
  Values y(at(op.elements()), 0.0);
  Shape index, source;
  // Of each axis and output index, the weight of each element.
  std::vector<std::vector<Values>> weights(from.size());
  for (std::size_t d = 0; d < from.size(); ++d)
    for (std::int64_t o = 0; o < op.shape[d]; ++o) {
      Values& w = weights[d].emplace_back(at(from[d]), 0.0);
      if (from[d] == op.shape[d]) {
        w[at(o)] = 1;
        continue;
      }
      const double place = place_of(op, d, o);
      double sum = 0;
      for (double j = std::floor(place) - 1; j <= std::floor(place) + 2; ++j) {
        const bool inside = j >= 0 && j < static_cast<double>(from[d]);
        if (!inside && skips) continue;
        const double weight = keys(place - j, vector_alpha(op));
        w[at(std::clamp<std::int64_t>(static_cast<std::int64_t>(j), 0, from[d] - 1))] += weight;
        sum += weight;
      }
      for (double& weight : w) weight /= sum;
    }
  for (std::size_t i = 0; i < y.size(); ++i) {
    unflatten(static_cast<std::int64_t>(i), op.shape, index);
    for (std::size_t j = 0; j < x.size(); ++j) {
      check_interrupt_after(8);
      unflatten(static_cast<std::int64_t>(j), from, source);
      double weight = 1;
      for (std::size_t d = 0; d < from.size() && weight != 0; ++d)
        weight *= weights[d][at(index[d])][at(source[d])];
      if (weight != 0) y[i] += weight * x[j];
    }
  }
  return y;
}

std::int64_t nearest(const VectorOp& op, std::size_t axis, std::int64_t o) {
  using R = Resize::Rounding;
  const std::int64_t size = op.operand_shapes[0][axis];
  if (size == op.shape[axis]) return o;
  // Places that are halves in real numbers may lie beside them in any arithmetic.
  const double place = std::round(place_of(op, axis, o) * 65536) / 65536;
  const R rounding = op.resize->rounding;
  double whole = rounding == R::kFloor ? std::floor(place) : std::ceil(place);
  if (rounding == R::kPreferFloor) whole = std::ceil(place - 0.5);
  if (rounding == R::kPreferCeil) whole = std::floor(place + 0.5);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(whole), 0, size - 1);
}

Values concatenated(const VectorOp& op, const ReferenceOperands& o) {
  const std::size_t axis = op.axes.empty() ? 0 : at(op.axes[0]);
  Values y(at(op.elements()));
  Shape index;
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(16);
    unflatten(static_cast<std::int64_t>(i), op.shape, index);
    std::size_t part = 0;
    for (; index[axis] >= op.operand_shapes[part][axis]; ++part)
      index[axis] -= op.operand_shapes[part][axis];
    y[i] = o.inputs[part][at(flatten(index, op.operand_shapes[part]))];
  }
  return y;
}

/// Of a pad: the element that lies there; -1 for what lies between or outside.
std::int64_t spread_index(std::int64_t place, std::int64_t step) {
  return place < 0 || place % step != 0 ? -1 : place / step;
}

/// What each index along a dimension adds to the place of an element in the operand; -1: it comes
/// from nowhere.
Shape places_along(const VectorOp& op, std::size_t d) {
  const Shape& from = op.operand_shapes[0];
  const std::size_t axis = op.kind == VectorKind::kTranspose ? at(op.axes[d]) : d;
  const std::int64_t start = d < op.starts.size() ? op.starts[d] : 0;
  const std::int64_t step = d < op.steps.size() ? op.steps[d] : 1;
  std::int64_t stride = 1;
  for (std::size_t inner = axis + 1; inner < from.size(); ++inner) stride *= from[inner];
  Shape places;
  for (std::int64_t index = 0; index < op.shape[d]; ++index) {
    std::int64_t source = start + index * step;
    if (op.kind == VectorKind::kTranspose) source = index;
    if (op.kind == VectorKind::kExpand) source = std::min(index, from[d] - 1);
    if (op.kind == VectorKind::kResizeNearest) source = nearest(op, d, index);
    if (op.kind == VectorKind::kPad) source = spread_index(index - start, step);
    places.push_back(source < 0 || source >= from[axis] ? -1 : source * stride);
  }
  return places;
}

}  // namespace

Values resized(const VectorOp& op, const Values& x) {
  if (vector_alpha(op) != 0) return cubic(op, x);
  const Shape& from = op.operand_shapes[0];
  Values y(at(op.elements()), 0.0);
  Shape index, corner(from.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(64);
    unflatten(static_cast<std::int64_t>(i), op.shape, index);
    for (std::size_t mask = 0; mask < std::size_t{1} << from.size(); ++mask) {
      double weight = 1;
      for (std::size_t d = 0; d < from.size() && weight != 0; ++d) {
        const double last = static_cast<double>(from[d]) - 1;
        const bool same = from[d] == op.shape[d];
        const double place =
            same ? static_cast<double>(index[d]) : between(place_of(op, d, index[d]), 0, last);
        const double low = std::floor(place), share = place - low;
        const bool upper = (mask >> d & 1) != 0;
        corner[d] = static_cast<std::int64_t>(std::fmin(low + (upper ? 1 : 0), last));
        weight *= upper ? share : 1 - share;
      }
      if (weight != 0) y[i] += weight * x[at(flatten(corner, from))];
    }
  }
  return y;
}

Values pooled(const VectorOp& op, const Values& x) {
  const PoolWindow& w = *op.window;
  // The image with its padding, without what ceil_mode's last windows reach behind it.
  const std::int64_t bottom = w.height + w.pad_bottom - w.beyond_bottom;
  const std::int64_t right = w.width + w.pad_right - w.beyond_right;
  const bool largest = op.kind == VectorKind::kMaxPool || op.kind == VectorKind::kGlobalMaxPool;
  Values y(at(op.elements()));
  const Shape shape = {w.batch, w.out_height(), w.out_width(), w.channels};
  Shape index;
  for (std::int64_t i = 0; i < op.elements(); ++i) {
    unflatten(i, shape, index);
    double sum = 0, max = -std::numeric_limits<double>::infinity();
    std::int64_t count = 0;
    check_interrupt_after(4 * w.kernel_h * w.kernel_w);
    for (std::int64_t kh = 0; kh < w.kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < w.kernel_w; ++kw) {
        const std::int64_t h = index[1] * w.stride_h - w.pad_top + kh * w.dilation_h;
        const std::int64_t v = index[2] * w.stride_w - w.pad_left + kw * w.dilation_w;
        const bool inside = h >= 0 && v >= 0 && h < w.height && v < w.width;
        count += inside || (op.count_padding && h < bottom && v < right) ? 1 : 0;
        if (!inside) continue;
        const double value =
            x[at(((index[0] * w.height + h) * w.width + v) * w.channels + index[3])];
        sum += value;
        max = std::fmax(max, value);
      }
    if (count == 0)
      y[at(i)] = 0;
    else
      y[at(i)] = largest ? max : sum / static_cast<double>(count);
  }
  return y;
}

Values moved(const VectorOp& op, const ReferenceOperands& o) {
  if (op.kind == VectorKind::kConcat) return concatenated(op, o);
  Values y(at(op.elements()), op.kind == VectorKind::kPad ? vector_alpha(op) : 0.0);
  if (op.kind == VectorKind::kEmbedding) {
    for (std::int64_t i = 0; i < op.elements(); ++i)
      y[at(i)] = o.table[at(o.indices[at(i / op.cols)] * op.cols + i % op.cols)];
    return y;
  }
  if (op.kind == VectorKind::kShiftIn) {
    const std::size_t n = at(op.shape.back());
    for (std::size_t first = 0; first < y.size(); first += n) {
      std::copy_n(o.inputs[0].begin() + static_cast<std::ptrdiff_t>(first) + 1, n - 1,
                  y.begin() + static_cast<std::ptrdiff_t>(first));
      y[first + n - 1] = o.inputs[1][first / n];
    }
    return y;
  }
  if (op.kind == VectorKind::kScatter) {
    y = o.inputs[0];
    const std::size_t n = at(op.shape[0]), m = o.inputs[1].size(), cols = y.size() / n;
    for (std::size_t to = 0; to < n; ++to)
      for (std::size_t i = 0; i < m; ++i) {
        const auto index = static_cast<std::int64_t>(o.inputs[1][i]);
        if (at(index < 0 ? index + op.shape[0] : index) != to) continue;
        for (std::size_t c = 0; c < cols; ++c) {
          const double old = y[to * cols + c], fresh = o.inputs[2][i * cols + c];
          const double results[] = {fresh, old + fresh, old * fresh, std::fmax(old, fresh),
                                    std::fmin(old, fresh)};
          y[to * cols + c] = results[static_cast<int>(vector_beta(op))];
        }
      }
    return y;
  }
  if (op.kind == VectorKind::kReshape || op.operand_shapes.empty()) return o.inputs[0];
  std::vector<Shape> places;
  for (std::size_t d = 0; d < op.shape.size(); ++d) places.push_back(places_along(op, d));
  const std::size_t n = places.empty() ? 1 : places.back().size();
  Shape index(op.shape.size(), 0);
  for (std::size_t first = 0; first < y.size(); first += n) {
    check_interrupt_after(static_cast<std::int64_t>(n));
    std::int64_t row = 0;
    for (std::size_t d = 0; d + 1 < index.size(); ++d) {
      const std::int64_t place = places[d][at(index[d])];
      row = row < 0 || place < 0 ? -1 : row + place;
    }
    for (std::size_t i = 0; row >= 0 && i < n; ++i) {
      const std::int64_t place = places.empty() ? 0 : places.back()[i];
      if (place >= 0) y[first + i] = o.inputs[0][at(row + place)];
    }
    for (std::size_t d = index.size(); d-- > 1 && ++index[d - 1] == op.shape[d - 1];)
      index[d - 1] = 0;
  }
  return y;
}

}  // namespace bitjoule::reference
