#include "core/oracle/vector_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/exponential.h"
#include "core/oracle/vector_reference_parts.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

using namespace reference;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

double of_one(VectorKind kind, double x, double alpha, double beta) {
  switch (kind) {
    case VectorKind::kRelu:
      return x > 0 ? x : 0;
    case VectorKind::kAffine:
      return alpha * x + beta;
    case VectorKind::kClip:
      return between(x, alpha, beta);
    case VectorKind::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case VectorKind::kHardSigmoid:
      return between(alpha * x + beta, 0, 1);
    case VectorKind::kHardSwish:
      return x * between(x / 6 + 0.5, 0, 1);
    case VectorKind::kTanh:
      return std::tanh(x);
    case VectorKind::kSoftcap:
      return beta * (1 - 2 / (std::exp(2 * alpha * x) + 1));
    case VectorKind::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case VectorKind::kGeluTanh:
      return x * logistic(2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x));
    case VectorKind::kErf:
      return std::erf(x);
    case VectorKind::kExp:
      return std::exp(x);
    case VectorKind::kSqrt:
      return std::sqrt(x);
    case VectorKind::kRsqrt:
      return 1 / std::sqrt(x);
    case VectorKind::kAbs:
      return std::abs(x);
    case VectorKind::kSign:
      return x == 0 ? 0 : std::copysign(1.0, x);
    case VectorKind::kLog:
      return std::log(x);
    case VectorKind::kFloor:
      return std::floor(x);
    case VectorKind::kCeil:
      return std::ceil(x);
    case VectorKind::kRound:
      return std::rint(x);
    case VectorKind::kSin:
      return std::sin(x);
    case VectorKind::kAtan:
      return std::atan(x);
    case VectorKind::kCos:
      return std::cos(x);
    case VectorKind::kElu:
      return beta * (x > 0 ? x : alpha * std::expm1(x));
    case VectorKind::kMish:
      return x * std::tanh(std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x))));
    case VectorKind::kSoftplus:
      return std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x)));
    case VectorKind::kReciprocal:
      return 1 / x;
    default:  // the same elements
      return x;
  }
}

double of_two(const VectorOp& op, double a, double b) {
  switch (op.kind) {
    case VectorKind::kClampedSwiglu: {
      const double gate = std::fmin(a, vector_beta(op));
      return gate * logistic(vector_alpha(op) * gate) *
             (between(b, -vector_beta(op), vector_beta(op)) + 1);
    }
    case VectorKind::kAdd:
      return a + b;
    case VectorKind::kSub:
      return a - b;
    case VectorKind::kMul:
      return a * b;
    case VectorKind::kDiv:
      return a / b;
    case VectorKind::kPow:
      return std::pow(a, b);
    case VectorKind::kRemainder:
      return std::fmod(a, b);
    case VectorKind::kFloorMod:
      return std::signbit(a) == std::signbit(b) || std::fmod(a, b) == 0 ? std::fmod(a, b)
                                                                        : std::fmod(a, b) + b;
    case VectorKind::kAtan2:
      return std::atan2(a, b);
    case VectorKind::kPrelu:
      return a < 0 ? a * b : a;
    case VectorKind::kSquaredDifference:
      return std::pow(a - b, 2);
    case VectorKind::kEqual:
      return a == b ? 1 : 0;
    case VectorKind::kLess:
      return a < b ? 1 : 0;
    case VectorKind::kLessEqual:
      return a <= b ? 1 : 0;
    case VectorKind::kMax:
      return std::fmax(a, b);
    default:
      return std::fmin(a, b);
  }
}

/// Element of an operand that numpy's broadcasting puts at `index` of the output.
double broadcast(const Values& x, const Shape& from, const Shape& index) {
  std::int64_t flat = 0;
  const std::size_t missing = index.size() - from.size();
  for (std::size_t d = 0; d < from.size(); ++d)
    flat = flat * from[d] + (from[d] == 1 ? 0 : index[missing + d]);
  return x[at(flat)];
}

/// The logistic function, or the numbers times it.
Values gated(VectorKind kind, const Values& x) {
  Values y = recycled<double>(x.size());
  constexpr std::size_t kPiece = 1024;  // stays in the cache
  for (std::size_t first = 0; first < x.size(); first += kPiece) {
    check_interrupt_after(8 * kPiece);
    const std::size_t end = std::min(first + kPiece, x.size());
    for (std::size_t i = first; i < end; ++i) y[i] = -x[i];
    exponentiate(&y[first], static_cast<std::int64_t>(end - first));
    for (std::size_t i = first; i < end; ++i)
      y[i] = (kind == VectorKind::kSilu ? x[i] : 1) * (1 / (1 + y[i]));
  }
  return y;
}

/// What networks have most of, without a choice for each element.
Values added_or_multiplied(VectorKind kind, const Values& a, const Values& b) {
  Values y = recycled<double>(a.size());
  if (kind == VectorKind::kAdd)
    for (std::size_t i = 0; i < a.size(); ++i) y[i] = a[i] + b[i];
  else
    for (std::size_t i = 0; i < a.size(); ++i) y[i] = a[i] * b[i];
  return y;
}

Values elementwise(const VectorOp& op, const ReferenceOperands& o) {
  const bool gates = op.kind == VectorKind::kSigmoid || op.kind == VectorKind::kSilu;
  if (gates && op.operand_shapes.empty()) return gated(op.kind, o.inputs[0]);
  const bool two = vector_row(op.kind).operands == 2;
  const double alpha = vector_alpha(op), beta = vector_beta(op);
  if (op.operand_shapes.empty() && (op.kind == VectorKind::kAdd || op.kind == VectorKind::kMul))
    return added_or_multiplied(op.kind, o.inputs[0], o.inputs[1]);
  Values y(at(op.elements()));
  Shape index;
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(16);
    if (op.operand_shapes.empty()) {
      y[i] = two ? of_two(op, o.inputs[0][i], o.inputs[1][i])
                 : of_one(op.kind, o.inputs[0][i], alpha, beta);
      continue;
    }
    unflatten(static_cast<std::int64_t>(i), op.shape, index);
    const double a = broadcast(o.inputs[0], op.operand_shapes[0], index);
    if (op.kind == VectorKind::kSelect) {
      const std::size_t taken = a != 0 ? 1 : 2;
      y[i] = broadcast(o.inputs[taken], op.operand_shapes[taken], index);
      continue;
    }
    y[i] = two ? of_two(op, a, broadcast(o.inputs[1], op.operand_shapes[1], index))
               : of_one(op.kind, a, alpha, beta);
  }
  return gates ? gated(op.kind, y) : y;
}

Values affine_codes(const VectorOp& op, const ReferenceOperands& o) {
  Values y = o.inputs[0];
  Shape index;
  for (std::size_t i = 0; i < y.size(); ++i) {
    std::size_t c = 0;
    if (o.scales.size() > 1) {
      unflatten(static_cast<std::int64_t>(i), op.shape, index);
      c = at(index[at(op.axes[0])]);
    }
    const double scale = o.scales[c], zero = o.zero_points[std::min(c, o.zero_points.size() - 1)];
    y[i] = op.kind == VectorKind::kQuantizeLinear ? y[i] / scale + zero : (y[i] - zero) * scale;
  }
  return y;
}

Values channelwise(const VectorOp& op, const ReferenceOperands& o) {
  Values y = o.inputs[0];
  for (std::int64_t i = 0; i < op.elements(); ++i) {
    const std::int64_t c = i % op.cols;
    if (op.kind == VectorKind::kChannelScale) {
      y[at(i)] *= o.gamma[at(c)];
      continue;
    }
    if (op.kind == VectorKind::kBatchNorm) {
      y[at(i)] = (y[at(i)] - o.mean[at(c)]) / std::sqrt(o.variance[at(c)] + vector_alpha(op)) *
                     o.gamma[at(c)] +
                 o.beta[at(c)];
      continue;
    }
    double squares = 0;
    for (std::int64_t j = c - (op.reduced - 1) / 2; j <= c + op.reduced / 2; ++j)
      if (j >= 0 && j < op.cols) squares += std::pow(o.inputs[0][at(i - c + j)], 2);
    y[at(i)] /= std::pow(op.bias + vector_alpha(op) * squares / static_cast<double>(op.reduced),
                         vector_beta(op));
  }
  return y;
}

/// One expert after the other: the best that is left.
std::vector<std::int64_t> choice_of(const Routing& r, Values scores) {
  const std::int64_t size = r.experts / r.groups;
  const double none = -std::numeric_limits<double>::infinity();
  std::vector<std::pair<double, std::int64_t>> groups;
  for (std::int64_t g = 0; g < r.groups; ++g) {
    Values members(scores.begin() + g * size, scores.begin() + (g + 1) * size);
    std::sort(members.rbegin(), members.rend());
    groups.emplace_back(-std::accumulate(members.begin(), members.begin() + r.group_best, 0.0), g);
  }
  std::sort(groups.begin(), groups.end());
  for (std::size_t g = at(r.kept_groups); g < groups.size(); ++g)
    std::fill_n(scores.begin() + groups[g].second * size, size, none);
  std::vector<std::int64_t> chosen;
  while (static_cast<std::int64_t>(chosen.size()) < r.chosen) {
    const auto best = std::max_element(scores.begin(), scores.end());
    chosen.push_back(best - scores.begin());
    *best = none;
  }
  return chosen;
}

void route(const VectorOp& op, const ReferenceOperands& o, std::int64_t row, const double* x,
           double* y) {
  const Routing& r = *op.routing;
  const double largest = *std::max_element(x, x + op.cols);
  Values scores(x, x + op.cols);
  double all = 0;
  for (double& s : scores) {
    all += std::exp(s - largest);
    s = r.scores == Routing::Scores::kSigmoid ? logistic(s) : std::exp(s - largest);
  }
  if (r.scores == Routing::Scores::kSoftmax)
    for (double& s : scores) s /= all;
  std::vector<std::int64_t> chosen;
  if (o.indices.empty()) {
    Values biased = scores;
    for (std::size_t e = 0; e < o.bias.size(); ++e) biased[e] += o.bias[e];
    chosen = choice_of(r, biased);
  } else {
    const auto first = o.indices.begin() + row * r.chosen;
    chosen.assign(first, first + r.chosen);
  }
  double sum = 0;
  for (const std::int64_t e : chosen) sum += scores[at(e)];
  const bool divides = r.normalized || r.scores == Routing::Scores::kChosenSoftmax;
  for (const std::int64_t e : chosen) y[e] = scores[at(e)] / (divides ? sum : 1) * r.scale;
}

/// Row by row of all experts: those that chose expert 0, then those that chose expert 1, ...
template <class F>
void in_order_of_experts(const VectorOp& op, const ReferenceOperands& o, F visit) {
  std::int64_t place = 0;
  for (std::int64_t e = 0; e < op.routing->experts; ++e)
    for (std::size_t i = 0; i < o.indices.size(); ++i)
      if (o.indices[i] == e) visit(static_cast<std::int64_t>(i) / op.routing->chosen, e, place++);
}

Values combined(const VectorOp& op, const ReferenceOperands& o) {
  Values y(at(op.elements()), 0.0);
  in_order_of_experts(op, o, [&](std::int64_t row, std::int64_t e, std::int64_t place) {
    const double weight = o.inputs[1][at(row * op.routing->experts + e)];
    for (std::int64_t c = 0; c < op.cols; ++c)
      y[at(row * op.cols + c)] += weight * o.inputs[0][at(place * op.cols + c)];
  });
  return y;
}

Values dispatched(const VectorOp& op, const ReferenceOperands& o) {
  Values y(at(op.elements()));
  in_order_of_experts(op, o, [&](std::int64_t row, std::int64_t, std::int64_t place) {
    for (std::int64_t c = 0; c < op.cols; ++c)
      y[at(place * op.cols + c)] = o.inputs[0][at(row * op.cols + c)];
  });
  return y;
}

void normalize(const VectorOp& op, const ReferenceOperands& o, const double* x, double* y) {
  const auto n = static_cast<double>(op.cols);
  const bool centred = op.kind == VectorKind::kLayerNorm;
  const double mean = centred ? std::accumulate(x, x + op.cols, 0.0) / n : 0;
  double squares = 0;
  for (std::int64_t i = 0; i < op.cols; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double deviation = std::sqrt(squares / n + vector_alpha(op));
  for (std::int64_t i = 0; i < op.cols; ++i)
    y[i] = (x[i] - mean) / deviation * o.gamma[at(i)] + (centred ? o.beta[at(i)] : 0);
}

/// The wavelength of a pair in positions, as rotary scaling stretches it.
double stretched(const RopeScaling& s, double wavelength) {
  if (s.original == 0) return wavelength * s.factor;
  const auto trained = static_cast<double>(s.original);
  if (wavelength < trained / s.high_frequency) return wavelength;
  if (wavelength > trained / s.low_frequency) return wavelength * s.factor;
  const double smooth =
      (trained / wavelength - s.low_frequency) / (s.high_frequency - s.low_frequency);
  return 1 / ((1 - smooth) / (s.factor * wavelength) + smooth / wavelength);
}

/// Of each pair of columns, in positions.
Values wavelengths_of(const VectorOp& op, const std::vector<double>& factors) {
  const double circle = 2 * std::acos(-1.0);
  const std::int64_t cols = op.rotated == 0 ? op.cols : op.rotated;
  Values wavelengths;
  for (std::int64_t pair = 0; pair < cols / 2; ++pair) {
    double wavelength = circle * std::pow(vector_alpha(op), 2 * static_cast<double>(pair) /
                                                                static_cast<double>(cols));
    if (op.scaling) wavelength = stretched(*op.scaling, wavelength);
    if (!factors.empty()) wavelength *= factors[at(pair)];
    wavelengths.push_back(wavelength);
  }
  return wavelengths;
}

/// cos and sin of the turns of a token's pairs.
std::vector<std::pair<double, double>> turns_of(const VectorOp& op, const Values& wavelengths,
                                                std::int64_t row) {
  const double circle = 2 * std::acos(-1.0);
  const std::int64_t tokens = op.tokens > 0 ? op.tokens : std::numeric_limits<std::int64_t>::max();
  const auto position = static_cast<double>(op.position + row / op.heads % tokens);
  std::vector<std::pair<double, double>> turns;
  for (const double wavelength : wavelengths) {
    const double turn = circle * position / wavelength;
    turns.emplace_back(std::cos(turn), std::sin(turn));
  }
  return turns;
}

void rotate(const VectorOp& op, const std::vector<std::pair<double, double>>& turns,
            const double* x, double* y) {
  const std::int64_t cols = op.rotated == 0 ? op.cols : op.rotated;
  for (std::int64_t i = cols; i < op.cols; ++i) y[i] = x[i];
  for (std::int64_t pair = 0; pair < cols / 2; ++pair) {
    const auto& [cos, sin] = turns[at(pair)];
    const std::int64_t a = op.interleaved ? 2 * pair : pair;
    const std::int64_t b = op.interleaved ? 2 * pair + 1 : pair + cols / 2;
    y[a] = x[a] * cos - x[b] * sin;
    y[b] = x[b] * cos + x[a] * sin;
  }
}

double reduced(const VectorOp& op, Values x) {
  switch (op.kind) {
    case VectorKind::kReduceMax:
      return *std::max_element(x.begin(), x.end());
    case VectorKind::kReduceMin:
      return *std::min_element(x.begin(), x.end());
    case VectorKind::kReduceProd:
      return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>());
    case VectorKind::kArgMax:
      return vector_alpha(op) == 0
                 ? static_cast<double>(std::max_element(x.begin(), x.end()) - x.begin())
                 : static_cast<double>(x.rend() - std::max_element(x.rbegin(), x.rend()) - 1);
    default:
      return std::accumulate(x.begin(), x.end(), 0.0);
  }
}

/// LSTM and GRU as their papers have them, one element of the state after the other.
Values recurrent(const VectorOp& op, const ReferenceOperands& o) {
  Values y(at(op.elements()));
  const std::size_t cols = at(op.cols), gates = op.axes.size();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t first = i / cols * gates * cols + i % cols;
    Values in(gates), back(gates), sum(gates);
    for (std::size_t g = 0; g < gates; ++g) {
      in[g] = o.inputs[0][first + at(op.axes[g]) * cols];
      back[g] = o.inputs[1][first + at(op.axes[g]) * cols];
      sum[g] = in[g] + back[g];
    }
    const double state = o.inputs[2][i], bound = vector_alpha(op);
    if (op.kind == VectorKind::kLstmCell) {
      const double kept = logistic(sum[gates - 3]);
      const double entering = gates == 4 ? logistic(sum[0]) : 1 - kept;
      y[i] = kept * state + entering * std::tanh(sum[gates - 2]);
      if (bound > 0) y[i] = between(y[i], -bound, bound);
    } else if (op.kind == VectorKind::kLstmHidden) {
      y[i] = logistic(sum[gates - 1]) * std::tanh(state);
    } else if (op.kind == VectorKind::kGruReset) {
      y[i] = logistic(sum[1]) * state;
    } else {
      const double reset = bound == 0 ? 1 : logistic(sum[1]);
      const double fresh = std::tanh(in[2] + reset * back[2]);
      y[i] = fresh + logistic(sum[0]) * (state - fresh);
    }
  }
  return y;
}

/// The sign at (i, j) is that of the number of bits that i and j share: both halves of a result are
/// such sums of half as many, of x's halves added and subtracted.
void add_with_signs(double* x, std::int64_t n) {
  if (n == 1) return;
  const std::int64_t half = n / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const double first = x[i], second = x[half + i];
    x[i] = first + second;
    x[half + i] = first - second;
  }
  add_with_signs(x, half);
  add_with_signs(x + half, half);
}

void rotate_blocks(const VectorOp& op, const double* x, double* y) {
  const std::int64_t n = std::int64_t{1} << op.reduced;
  std::copy_n(x, op.cols, y);
  for (std::int64_t block = 0; block < op.cols; block += n) add_with_signs(y + block, n);
  for (std::int64_t i = 0; i < op.cols; ++i) y[i] /= std::sqrt(static_cast<double>(n));
}

Values rowwise(const VectorOp& op, const ReferenceOperands& o) {
  const Values& x = o.inputs[0];
  if (op.kind == VectorKind::kSoftmax) return softmax_rows(op, o);
  Values y(at(op.elements()), 0.0);
  if (recurrent_gates(op.kind) != 0) return recurrent(op, o);
  if (reduces(op.kind)) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double* first = &x[i * at(op.reduced)];
      if (op.kind != VectorKind::kReduceMean) {
        y[i] = reduced(op, Values(first, first + op.reduced));
        continue;
      }
      y[i] = std::accumulate(first, first + op.reduced, 0.0) / static_cast<double>(op.reduced);
    }
    return y;
  }
  if (op.kind == VectorKind::kCombine) return combined(op, o);
  const Values wavelengths =
      op.kind == VectorKind::kRope ? wavelengths_of(op, o.factors) : Values();
  std::vector<std::pair<double, double>> turns;
  for (std::int64_t r = 0; r < op.rows; ++r) {
    check_interrupt_after(16 * op.cols);
    const double* from = &x[at(r * op.cols)];
    double* to = &y[at(r * op.cols)];
    if (op.kind == VectorKind::kRoute) {
      route(op, o, r, from, to);
    } else if (op.kind == VectorKind::kRope) {
      if (r % op.heads == 0) turns = turns_of(op, wavelengths, r);  // of all heads of a token
      rotate(op, turns, from, to);
    } else if (op.kind == VectorKind::kHadamard) {
      rotate_blocks(op, from, to);
    } else if (op.kind == VectorKind::kL2Norm) {
      const double squares = std::inner_product(from, from + op.cols, from, 0.0);
      const double norm = std::max(std::sqrt(squares), vector_alpha(op));
      for (std::int64_t i = 0; i < op.cols; ++i) to[i] = from[i] / norm;
    } else {
      normalize(op, o, from, to);
    }
  }
  return y;
}

}  // namespace

std::vector<double> vector_reference(const VectorOp& op, const ReferenceOperands& o) {
  if (op.kind == VectorKind::kQuantize) return o.inputs[0];
  if (op.kind <= VectorKind::kRope) return rowwise(op, o);
  if (op.kind == VectorKind::kChannelScale || op.kind == VectorKind::kBatchNorm ||
      op.kind == VectorKind::kLrn)
    return channelwise(op, o);
  if (op.kind == VectorKind::kQuantizeLinear || op.kind == VectorKind::kDequantizeLinear)
    return affine_codes(op, o);
  if (op.kind == VectorKind::kResize) return resized(op, o.inputs[0]);
  if (op.kind <= VectorKind::kDequantizeLinear) return elementwise(op, o);
  if (op.kind <= VectorKind::kGlobalMaxPool) return pooled(op, o.inputs[0]);
  if (op.kind == VectorKind::kDispatch) return dispatched(op, o);
  return moved(op, o);
}

}  // namespace bitjoule
