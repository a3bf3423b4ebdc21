// Operators element by element, and data movement: families of vector_values.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/exec/element_order.h"
#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/exponential.h"

namespace bitjoule {
namespace {

using Shape = std::vector<std::int64_t>;

float exponential(float x) { return rounded(std::exp(static_cast<double>(x))); }

float log_of(float x) { return rounded(std::log(static_cast<double>(x))); }
float tanh_of(float x) { return rounded(std::tanh(static_cast<double>(x))); }
/// ln(1 + e^x); beyond, where 1 is lost, x.
float softplus(float x) { return x > 88 ? x : log_of(1.0f + exponential(x)); }

float floor_mod(float a, float b) {
  const float rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

float binary(VectorKind kind, float a, float b) {
  switch (kind) {
    case VectorKind::kSub:
      return a - b;
    case VectorKind::kDiv:
      return a / b;
    case VectorKind::kPow:
      return rounded(std::pow(static_cast<double>(a), static_cast<double>(b)));
    case VectorKind::kRemainder:
      return std::fmod(a, b);
    case VectorKind::kFloorMod:
      return floor_mod(a, b);
    case VectorKind::kAtan2:
      return rounded(std::atan2(static_cast<double>(a), static_cast<double>(b)));
    case VectorKind::kPrelu:
      return a < 0 ? b * a : a;
    case VectorKind::kSquaredDifference:
      return (a - b) * (a - b);
    case VectorKind::kEqual:
      return a == b ? 1.0f : 0.0f;
    case VectorKind::kLess:
      return a < b ? 1.0f : 0.0f;
    case VectorKind::kLessEqual:
      return a <= b ? 1.0f : 0.0f;
    case VectorKind::kMax:
      return a > b || std::isnan(a) ? a : b;
    default:
      return a < b || std::isnan(a) ? a : b;
  }
}

float limited(float x, float lo, float hi) { return std::min(std::max(x, lo), hi); }

float clamped_swiglu(float alpha, float beta, float a, float b) {
  const float gate = std::min(a, beta);
  return gate / (1.0f + exponential(-alpha * gate)) * (limited(b, -beta, beta) + 1.0f);
}

/// y = y op b; sums and products, of which networks have most, without a choice for each element.
void combine(const VectorOp& op, std::vector<float>& y, const std::vector<float>& b) {
  const float alpha = rounded(vector_alpha(op)), beta = rounded(vector_beta(op));
  if (op.kind == VectorKind::kAdd)
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += b[i];
  else if (op.kind == VectorKind::kMul)
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= b[i];
  else if (op.kind == VectorKind::kClampedSwiglu)
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = clamped_swiglu(alpha, beta, y[i], b[i]);
  else
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = binary(op.kind, y[i], b[i]);
}

float unary(const VectorOp& op, float alpha, float beta, const VectorOperands& o, float x) {
  const auto wide = static_cast<double>(x);
  switch (op.kind) {
    case VectorKind::kRelu:
      return std::max(x, 0.0f);
    case VectorKind::kAffine:
      return alpha * x + beta;
    case VectorKind::kClip:
      return limited(x, alpha, beta);
    case VectorKind::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case VectorKind::kHardSigmoid:
      return limited(alpha * x + beta, 0, 1);
    case VectorKind::kHardSwish:
      return x * limited(x * (1.0f / 6.0f) + 0.5f, 0, 1);
    case VectorKind::kTanh:
      return rounded(std::tanh(wide));
    case VectorKind::kSoftcap:
      return beta * rounded(std::tanh(static_cast<double>(alpha * x)));
    case VectorKind::kGelu:
      return 0.5f * x *
             (1.0f + rounded(std::erf(static_cast<double>(x * rounded(std::sqrt(0.5))))));
    case VectorKind::kGeluTanh: {
      const float inner = rounded(std::sqrt(2 / std::acos(-1.0))) * (x + 0.044715f * (x * x * x));
      return 0.5f * x * (1.0f + rounded(std::tanh(static_cast<double>(inner))));
    }
    case VectorKind::kErf:
      return rounded(std::erf(wide));
    case VectorKind::kExp:
      return exponential(x);
    case VectorKind::kSqrt:
      return rounded(std::sqrt(wide));
    case VectorKind::kRsqrt:
      return 1.0f / rounded(std::sqrt(wide));
    case VectorKind::kAbs:
      return std::fabs(x);
    case VectorKind::kSign:
      return x > 0 ? 1.0f : x < 0 ? -1.0f : x;
    case VectorKind::kLog:
      return log_of(x);
    case VectorKind::kFloor:
      return std::floor(x);
    case VectorKind::kCeil:
      return std::ceil(x);
    case VectorKind::kRound:
      return std::nearbyint(x);
    case VectorKind::kSin:
      return rounded(std::sin(wide));
    case VectorKind::kAtan:
      return rounded(std::atan(wide));
    case VectorKind::kCos:
      return rounded(std::cos(wide));
    case VectorKind::kElu:
      return beta * (x > 0 ? x : alpha * (exponential(x) - 1.0f));
    case VectorKind::kMish:
      return x * tanh_of(softplus(x));
    case VectorKind::kSoftplus:
      return softplus(x);
    case VectorKind::kReciprocal:
      return 1.0f / x;
    case VectorKind::kQuantizeLinear:
      return limited(std::nearbyint(x / o.scale) + o.zero_point, alpha, beta);
    default:  // dequantize_linear
      return (x - o.zero_point) * o.scale;
  }
}

/// x times its logistic function, or that alone; a piece at a time, which stays in the cache.
std::vector<float> gated(VectorKind kind, std::vector<float> y) {
  constexpr std::size_t kPiece = 1024;
  float powers[kPiece];
  for (std::size_t first = 0; first < y.size(); first += kPiece) {
    check_interrupt_after(8 * kPiece);
    const std::size_t n = std::min(kPiece, y.size() - first);
    float* x = &y[first];
    for (std::size_t i = 0; i < n; ++i) powers[i] = -x[i];
    exponentiate(powers, static_cast<std::int64_t>(n));
    for (std::size_t i = 0; i < n; ++i)
      x[i] = (kind == VectorKind::kSilu ? x[i] : 1.0f) / (1.0f + powers[i]);
  }
  return y;
}

/// quantize_linear and dequantize_linear with a scale for each index of an axis.
std::vector<float> per_axis(const VectorOp& op, float alpha, float beta, const VectorOperands& o) {
  const std::size_t axis = at(op.axes[0]);
  const auto inner = static_cast<std::size_t>(strides_of(op.shape)[axis]);
  std::vector<float> y = o.inputs[0];
  VectorOperands one;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i / inner % at(op.shape[axis]);
    one.scale = o.axis_scales[c];
    one.zero_point = o.axis_zero_points[c];
    y[i] = unary(op, alpha, beta, one, y[i]);
  }
  return y;
}

std::vector<float> channel_scale(const VectorOp& op, const VectorOperands& o) {
  std::vector<float> y = o.inputs[0];
  for (std::size_t i = 0; i < y.size(); ++i) y[i] *= o.gamma[i % at(op.cols)];
  return y;
}

std::vector<float> batch_norm(const VectorOp& op, const VectorOperands& o, float epsilon) {
  std::vector<float> y = o.inputs[0];
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i % at(op.cols);
    const float a = o.gamma[c] / rounded(std::sqrt(static_cast<double>(o.variance[c] + epsilon)));
    y[i] = a * y[i] + (o.beta[c] - a * o.mean[c]);
  }
  return y;
}

/// Over `reduced` neighbouring channels, half of them before the element (ONNX LRN).
std::vector<float> local_response(const VectorOp& op, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const float share = rounded(vector_alpha(op)) / static_cast<float>(op.reduced);
  for (std::int64_t i = 0; i < op.elements(); ++i) {
    const std::int64_t c = i % op.cols, row = i - c;
    float squares = 0;
    const std::int64_t first = std::max<std::int64_t>(0, c - (op.reduced - 1) / 2);
    const std::int64_t last = std::min(op.cols - 1, c + op.reduced / 2);
    for (std::int64_t j = first; j <= last; ++j) squares += x[at(row + j)] * x[at(row + j)];
    const float base = rounded(op.bias) + share * squares;
    y[at(i)] = x[at(i)] / rounded(std::pow(static_cast<double>(base), vector_beta(op)));
  }
  return y;
}

std::vector<float> concat(const VectorOp& op, const VectorOperands& o) {
  const std::size_t axis = op.axes.empty() ? 0 : at(op.axes[0]);
  const Shape strides = strides_of(op.shape);
  std::vector<float> y(at(op.elements()));
  std::int64_t start = 0;
  for (std::size_t k = 0; k < o.inputs.size(); ++k) {
    const Shape& from = op.operand_shapes[k];
    for_each_index(from, static_cast<std::int64_t>(o.inputs[k].size()),
                   [&](std::int64_t flat, const Shape& index) {
                     std::int64_t to = start * strides[axis];
                     for (std::size_t i = 0; i < from.size(); ++i) to += index[i] * strides[i];
                     y[at(to)] = o.inputs[k][at(flat)];
                   });
    start += from[axis];
  }
  return y;
}

/// Where an element of the output lies along an axis of the operand.
float place_of(const Resize& r, std::size_t axis, std::int64_t o, std::int64_t from,
               std::int64_t to) {
  using C = Resize::Coordinates;
  const auto in = static_cast<float>(from), out = static_cast<float>(to);
  const float scale = r.scales.empty() ? in / out : 1.0f / rounded(r.scales[axis]);
  const auto index = static_cast<float>(o);
  switch (r.coordinates) {
    case C::kAlignCorners:
      return to == 1 ? 0 : index * ((in - 1) / ((r.scales.empty() ? out : in / scale) - 1));
    case C::kAsymmetric:
      return index * scale;
    case C::kFromHalf:
      return (index + 0.5f) * scale;
    default:
      if (r.coordinates == C::kPytorchHalfPixel && to == 1) return 0;
      return (index + 0.5f) * scale - 0.5f;
  }
}

/// What an element along an axis is made of.
struct Tap {
  std::int64_t from;
  float weight;
};

/// The two neighbours of a place, or with a coefficient of cubic convolution (Keys) four.
std::vector<Tap> taps_of(const VectorOp& op, float place, std::int64_t size) {
  const auto last = static_cast<float>(size - 1);
  const float a = rounded(vector_alpha(op));
  if (a == 0) {
    const float within = limited(place, 0, last);
    const auto low = static_cast<std::int64_t>(within);
    const float share = within - static_cast<float>(low);
    return {{low, 1.0f - share}, {std::min(low + 1, size - 1), share}};
  }
  const float low = std::floor(place), share = place - low;
  const auto near = [a](float d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](float d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const float weights[] = {far(share + 1), near(share), near(1 - share), far(2 - share)};
  std::vector<Tap> taps;
  float sum = 0;
  for (int i = 0; i < 4; ++i) {
    const float at_x = low + static_cast<float>(i - 1);
    if (vector_beta(op) != 0 && (at_x < 0 || at_x > last)) continue;
    taps.push_back({static_cast<std::int64_t>(limited(at_x, 0, last)), weights[i]});
    sum += weights[i];
  }
  for (Tap& tap : taps) tap.weight = vector_beta(op) != 0 ? tap.weight / sum : tap.weight;
  return taps;
}

/// Axis by axis, between the neighbours of each place.
std::vector<float> resize(const VectorOp& op, const std::vector<float>& x) {
  Shape shape = op.operand_shapes[0];
  std::vector<float> from = x;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t size = shape[axis], wanted = op.shape[axis];
    if (size == wanted) continue;
    const std::int64_t inner = strides_of(shape)[axis];
    const auto outer = static_cast<std::int64_t>(from.size()) / (inner * size);
    std::vector<float> to(at(outer * wanted * inner));
    for (std::int64_t o = 0; o < wanted; ++o) {
      const std::vector<Tap> taps = taps_of(op, place_of(*op.resize, axis, o, size, wanted), size);
      for (std::int64_t i = 0; i < outer * inner; ++i) {
        check_interrupt_after(8);
        const std::int64_t block = i / inner, rest = i % inner;
        float sum = 0;
        for (const Tap& tap : taps)
          sum += from[at((block * size + tap.from) * inner + rest)] * tap.weight;
        to[at((block * wanted + o) * inner + rest)] = sum;
      }
    }
    from = std::move(to);
    shape[axis] = wanted;
  }
  return from;
}

std::vector<float> select(const VectorOp& op, const VectorOperands& o) {
  std::vector<float> y = broadcast(op, o.inputs[1].get(), 1);
  const std::vector<float> where = broadcast(op, o.inputs[0].get(), 0);
  const std::vector<float> otherwise = broadcast(op, o.inputs[2].get(), 2);
  for (std::size_t i = 0; i < y.size(); ++i)
    if (where[i] == 0) y[i] = otherwise[i];
  return y;
}

/// What indices along each dimension of the output add to the place of an element in the operand:
/// source(d, index) is its index along dimension axes[d] there, -1 where it comes from nowhere.
template <class F>
std::vector<Shape> places_of(const VectorOp& op, const Shape& axes, F source) {
  const Shape& from = op.operand_shapes[0];
  const Shape strides = strides_of(from);
  std::vector<Shape> places(op.shape.size());
  for (std::size_t d = 0; d < places.size(); ++d)
    for (std::int64_t index = 0; index < op.shape[d]; ++index) {
      const std::int64_t j = source(d, index);
      const bool is_there = j >= 0 && j < from[at(axes[d])];
      places[d].push_back(is_there ? j * strides[at(axes[d])] : -1);
    }
  return places;
}

/// The elements at these places, or `outside`; whole rows at once where they lie side by side.
std::vector<float> gather(const VectorOp& op, const std::vector<float>& x,
                          const std::vector<Shape>& places, float outside) {
  if (places.empty()) return x;
  const Shape& along_row = places.back();
  const auto n = static_cast<std::int64_t>(along_row.size());
  bool is_run = along_row[0] >= 0;
  for (std::size_t i = 1; i < along_row.size(); ++i)
    is_run = is_run && along_row[i] == along_row[i - 1] + 1;
  std::vector<float> y;
  y.reserve(at(op.elements()));
  const Shape rows(op.shape.begin(), op.shape.end() - 1);
  for_each_index(rows, op.elements() / n, [&](std::int64_t, const Shape& index) {
    check_interrupt_after(n);
    std::int64_t first = 0;
    for (std::size_t d = 0; d < index.size() && first >= 0; ++d) {
      const std::int64_t place = places[d][at(index[d])];
      first = place < 0 ? -1 : first + place;
    }
    if (first < 0)
      y.insert(y.end(), at(n), outside);
    else if (is_run)
      y.insert(y.end(), x.begin() + first + along_row[0], x.begin() + first + along_row[0] + n);
    else
      for (const std::int64_t place : along_row)
        y.push_back(place < 0 ? outside : x[at(first + place)]);
  });
  return y;
}

}  // namespace

std::int64_t nearest_index(const VectorOp& op, std::size_t axis, std::int64_t o) {
  using R = Resize::Rounding;
  const std::int64_t size = op.operand_shapes[0][axis];
  if (size == op.shape[axis]) return o;
  const float place = place_of(*op.resize, axis, o, size, op.shape[axis]);
  float whole = 0;
  switch (op.resize->rounding) {
    case R::kPreferFloor:
      whole = std::ceil(place - 0.5f);
      break;
    case R::kPreferCeil:
      whole = std::floor(place + 0.5f);
      break;
    case R::kFloor:
      whole = std::floor(place);
      break;
    default:
      whole = std::ceil(place);
  }
  return static_cast<std::int64_t>(limited(whole, 0, static_cast<float>(size - 1)));
}

std::vector<float> element_values(const VectorOp& op, const VectorOperands& o) {
  const float alpha = rounded(vector_alpha(op)), beta = rounded(vector_beta(op));
  if (op.kind == VectorKind::kChannelScale) return channel_scale(op, o);
  if (op.kind == VectorKind::kBatchNorm) return batch_norm(op, o, alpha);
  if (op.kind == VectorKind::kLrn) return local_response(op, o.inputs[0]);
  if (op.kind == VectorKind::kResize) return resize(op, o.inputs[0]);
  if (op.kind == VectorKind::kSelect) return select(op, o);
  if (!o.axis_scales.empty()) return per_axis(op, alpha, beta, o);
  std::vector<float> y = broadcast(op, o.inputs[0].get(), 0);
  if (vector_row(op.kind).operands == 2) {
    const Borrowed<float> b = op.operand_shapes.empty()
                                  ? Borrowed<float>::of(o.inputs[1].get())
                                  : Borrowed<float>(broadcast(op, o.inputs[1].get(), 1));
    combine(op, y, b);
  } else {
    if (op.kind == VectorKind::kSigmoid || op.kind == VectorKind::kSilu)
      return gated(op.kind, std::move(y));
    for (float& v : y) {
      check_interrupt_after(16);
      v = unary(op, alpha, beta, o, v);
    }
  }
  return y;
}

namespace {

/// Later rows replace earlier ones of the same index; a negative one counts from behind.
std::vector<float> scattered(const VectorOp& op, const VectorOperands& o) {
  std::vector<float> y = o.inputs[0];
  const std::int64_t rows = op.shape[0], cols = op.shape[1];
  const auto way = static_cast<int>(vector_beta(op));
  const auto put = [way](float old, float fresh) {
    if (way == 1) return old + fresh;
    if (way == 2) return old * fresh;
    if (way == 3) return std::max(old, fresh);
    return way == 4 ? std::min(old, fresh) : fresh;
  };
  for (std::size_t i = 0; i < o.inputs[1].size(); ++i) {
    check_interrupt_after(cols);
    auto row = static_cast<std::int64_t>(o.inputs[1][i]);
    if (row < 0) row += rows;
    if (row < 0 || row >= rows)
      throw input_error("scatter: index " + std::to_string(row) + " is outside of 0.." +
                        std::to_string(rows - 1));
    for (std::int64_t c = 0; c < cols; ++c) {
      float& place = y[at(row * cols + c)];
      place = put(place, o.inputs[2][i * at(cols) + at(c)]);
    }
  }
  return y;
}

}  // namespace

std::vector<float> moved_values(const VectorOp& op, const VectorOperands& o) {
  if (op.kind == VectorKind::kEmbedding) {
    std::vector<float> y;
    for (std::int64_t index : o.indices)
      y.insert(y.end(), o.table.begin() + index * op.cols, o.table.begin() + (index + 1) * op.cols);
    return y;
  }
  if (op.kind == VectorKind::kConcat) return concat(op, o);
  if (op.kind == VectorKind::kDispatch) return dispatched_values(op, o);
  if (op.kind == VectorKind::kScatter) return scattered(op, o);
  if (op.kind == VectorKind::kShiftIn) {
    std::vector<float> y(at(op.elements()));
    const std::int64_t n = op.shape.back();
    for (std::int64_t i = 0; i < op.elements(); ++i)
      y[at(i)] = i % n == n - 1 ? o.inputs[1][at(i / n)] : o.inputs[0][at(i + 1)];
    return y;
  }
  const std::vector<float>& x = o.inputs[0];
  if (op.kind == VectorKind::kReshape || op.operand_shapes.empty()) return x;
  const Shape& from = op.operand_shapes[0];
  const auto start = [&](std::size_t i) { return i < op.starts.size() ? op.starts[i] : 0; };
  if (op.kind == VectorKind::kTranspose)
    return gather(op, x,
                  places_of(op, op.axes, [](std::size_t, std::int64_t index) { return index; }), 0);
  const auto source = [&](std::size_t d, std::int64_t index) -> std::int64_t {
    const std::int64_t step = d < op.steps.size() ? op.steps[d] : 1;
    const std::int64_t place = index - start(d);
    switch (op.kind) {
      case VectorKind::kSlice:
        return start(d) + step * index;
      case VectorKind::kExpand:
        return from[d] == 1 ? 0 : index;
      case VectorKind::kResizeNearest:
        return nearest_index(op, d, index);
      default:  // pad
        return place % step == 0 ? place / step : -1;
    }
  };
  Shape same(from.size());
  std::iota(same.begin(), same.end(), 0);
  const float outside = op.kind == VectorKind::kPad ? rounded(vector_alpha(op)) : 0;
  return gather(op, x, places_of(op, same, source), outside);
}

}  // namespace bitjoule
