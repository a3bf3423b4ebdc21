// Operators over whole rows: vector_values' first family.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/exec/vector_values.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/exponential.h"
#include "core/numeric/operand_transform.h"
#include "core/numeric/vectorize.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

/// What a row of softmax has beside its columns.
struct HeadScores {
  float slope = 0;               ///< ALiBi, of scores before alpha multiplies them
  const float* sink = nullptr;   ///< one more score
  std::vector<float> distances;  ///< of each column, added to scores before alpha multiplies them
};

/// Of one head and one place of its query: what is added to each column.
class DistanceScores {
 public:
  DistanceScores(const VectorOp& op, const std::vector<float>& table) : op_(op), table_(table) {
    for (std::int64_t d = 1 - op.cols; d < op.cols; ++d) buckets_.push_back(distance_bucket(op, d));
  }
  std::vector<float> of_row(std::int64_t row, std::int64_t head, float alpha) const {
    const std::int64_t rows = rows_of_head(op_);
    const std::int64_t query = op_.cols - rows + row % rows;
    std::vector<float> scores(at(op_.cols));
    for (std::int64_t i = 0; i < op_.cols; ++i)
      scores[at(i)] = table_[at(buckets_[at(query - i + op_.cols - 1)] * op_.heads + head)] / alpha;
    return scores;
  }

 private:
  const VectorOp& op_;
  const std::vector<float>& table_;
  std::vector<std::int64_t> buckets_;  ///< of distances 1 - cols ... cols - 1
};

/// The largest of at least one element; many at a time, since one would wait for the other. What is
/// left of a row is looked at together with some that have been: a maximum stays. Vectors that
/// every form has: of longer ones compilers compare each element by itself.
BITJOULE_VECTORIZE_WIDELY float largest_of(const float* x, std::int64_t n) {
  constexpr std::int64_t kLanes = 4, kVectors = 4, kAtOnce = kVectors * kLanes;
  typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
  float largest[kAtOnce];
  for (float& lane : largest) lane = x[0];
  if (n < kAtOnce) {
    for (std::int64_t i = 0; i < n; ++i) largest[i] = largest[i] < x[i] ? x[i] : largest[i];
  } else {
    Lanes found[kVectors];
    std::memcpy(found, largest, sizeof found);
    for (std::int64_t i = 0; i < n; i += kAtOnce) {
      const float* from = x + std::min(i, n - kAtOnce);
#pragma GCC unroll 4
      for (std::int64_t v = 0; v < kVectors; ++v) {
        Lanes next;
        std::memcpy(&next, from + v * kLanes, sizeof next);
        found[v] = found[v] < next ? next : found[v];
      }
    }
    std::memcpy(largest, found, sizeof found);
  }
  for (std::int64_t half = kAtOnce / 2; half > 0; half /= 2)
    for (std::int64_t i = 0; i < half; ++i)
      largest[i] = largest[i] < largest[i + half] ? largest[i + half] : largest[i];
  return largest[0];
}

BITJOULE_VECTORIZE_WIDELY void subtract_and_scale(const float* x, std::int64_t n, float subtracted,
                                                  float factor, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * (x[i] - subtracted);
}

BITJOULE_VECTORIZE_WIDELY void scale_all(float* values, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; ++i) values[i] *= factor;
}

/// Rows of softmax side by side: a sum's chain of additions waits for itself, but not for others.
constexpr std::int64_t kRowsAtOnce = 8;

/// The columns of a row that count; the others are left as they are.
struct VisibleRow {
  float* first = nullptr;
  std::int64_t count = 0;
  float sum = 0;  ///< of what belongs to no column, then of all
};

/// Powers of one row, of which the largest is 1, still to be divided by their sum.
VisibleRow softmax_powers(const float* x, std::int64_t first, std::int64_t visible, float alpha,
                          const HeadScores& head, float* y) {
  const float* scores = x;
  if (head.slope != 0) {
    for (std::int64_t i = first; i < visible; ++i)
      y[i] = x[i] + head.slope * static_cast<float>(i - visible + 1);
    scores = y;
  }
  if (!head.distances.empty()) {
    for (std::int64_t i = first; i < visible; ++i) y[i] = scores[i] + head.distances[at(i)];
    scores = y;
  }
  float max = largest_of(scores + first, visible - first);
  // The sink is no product of query and key: it is not scaled.
  if (head.sink != nullptr) max = std::max(max, *head.sink / alpha);
  VisibleRow row{y + first, visible - first, 0};
  if (head.sink != nullptr)
    row.sum = rounded(std::exp(static_cast<double>(*head.sink - alpha * max)));
  subtract_and_scale(scores + first, row.count, max, alpha, row.first);
  exponentiate(row.first, row.count);
  return row;
}

/// Adds to each row's sum its columns, one after the other.
void add_columns(VisibleRow (&rows)[kRowsAtOnce]) {
  std::int64_t common = rows[0].count;
  float sums[kRowsAtOnce];
  for (std::int64_t r = 0; r < kRowsAtOnce; ++r) {
    common = std::min(common, rows[r].count);
    sums[r] = rows[r].sum;
  }
  for (std::int64_t i = 0; i < common; ++i)
    for (std::int64_t r = 0; r < kRowsAtOnce; ++r) sums[r] += rows[r].first[i];
  for (std::int64_t r = 0; r < kRowsAtOnce; ++r) {
    for (std::int64_t i = common; i < rows[r].count; ++i) sums[r] += rows[r].first[i];
    rows[r].sum = sums[r];
  }
}

/// Some rows at a time; zeros are where nothing is visible.
std::vector<float> softmax(const VectorOp& op, const VectorOperands& o) {
  const float alpha = rounded(vector_alpha(op));
  const std::int64_t n = op.cols;
  std::optional<DistanceScores> distances;
  if (op.distances) distances.emplace(op, o.distances);
  std::vector<float> values = recycled<float>(at(op.elements()));
  for (std::int64_t begin = 0; begin < op.rows; begin += kRowsAtOnce) {
    const std::int64_t end = std::min(begin + kRowsAtOnce, op.rows);
    check_interrupt_after(16 * n * (end - begin));
    VisibleRow rows[kRowsAtOnce];
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t visible = op.causal > 0 ? n - op.causal + r % op.causal + 1 : n;
      const std::int64_t first = op.reach > 0 ? std::max<std::int64_t>(0, visible - op.reach) : 0;
      const std::int64_t head = r / rows_of_head(op) % op.heads;
      float* to = &values[at(r * n)];
      std::fill(to, to + first, 0.0f);
      std::fill(to + visible, to + n, 0.0f);
      HeadScores scores;
      if (op.alibi > 0) scores.slope = rounded(alibi_slope(op, head) / vector_alpha(op));
      if (op.sinks) scores.sink = &o.sinks[at(head)];
      if (distances) scores.distances = distances->of_row(r, head, alpha);
      rows[r - begin] = softmax_powers(&o.inputs[0][at(r * n)], first, visible, alpha, scores, to);
    }
    add_columns(rows);
    for (const VisibleRow& row : rows) scale_all(row.first, row.count, 1.0f / row.sum);
  }
  return values;
}

float inverse_root(float sum, std::int64_t n, float epsilon) {
  const float mean = sum * (1.0f / static_cast<float>(n));
  return 1.0f / rounded(std::sqrt(static_cast<double>(mean + epsilon)));
}

void rmsnorm(const float* x, std::int64_t n, float epsilon, const float* gamma, float* y) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  const float factor = inverse_root(sum, n, epsilon);
  for (std::int64_t i = 0; i < n; ++i) y[i] = gamma[i] * (x[i] * factor);
}

void layernorm(const float* x, std::int64_t n, float epsilon, const VectorOperands& o, float* y) {
  float sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum * (1.0f / static_cast<float>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = x[i] - mean;
    squares += y[i] * y[i];
  }
  const float factor = inverse_root(squares, n, epsilon);
  for (std::int64_t i = 0; i < n; ++i) y[i] = o.gamma[at(i)] * (y[i] * factor) + o.beta[at(i)];
}

/// Returns the scale; that of a row of zeros is 1. Unsigned codes: of the largest value, negative
/// ones become 0.
float quantize(const float* x, std::int64_t n, float largest_code, bool is_unsigned, float* codes) {
  float largest = 0;
  for (std::int64_t i = 0; i < n; ++i)
    largest = std::max(largest, is_unsigned ? x[i] : std::fabs(x[i]));
  const float scale = largest > 0 ? largest * (1.0f / largest_code) : 1.0f;
  const float inverse = 1.0f / scale;
  const float least_code = is_unsigned ? 0.0f : -largest_code;
  for (std::int64_t i = 0; i < n; ++i)
    codes[i] = std::clamp(std::nearbyint(x[i] * inverse), least_code, largest_code);
  return scale;
}

/// What a frequency is divided by.
double frequency_divisor(const RopeScaling& s, double frequency) {
  if (s.original == 0) return s.factor;
  const double turns = static_cast<double>(s.original) * frequency / (2 * std::acos(-1.0));
  const double kept =
      std::clamp((turns - s.low_frequency) / (s.high_frequency - s.low_frequency), 0.0, 1.0);
  return 1 / ((1 - kept) / s.factor + kept);
}

/// Turns rows, one for each head of a token, by the angles of its position.
class Rope {
 public:
  Rope(const VectorOp& op, const std::vector<float>& factors)
      : op_(op), rotated_(rotated_cols(op)), half_(rotated_ / 2) {
    for (std::int64_t i = 0; i < half_; ++i) {
      double frequency =
          std::pow(vector_alpha(op), -2.0 * static_cast<double>(i) / static_cast<double>(rotated_));
      if (op.scaling) frequency /= frequency_divisor(*op.scaling, frequency);
      if (!factors.empty()) frequency /= static_cast<double>(factors[at(i)]);
      frequencies_.push_back(frequency);
    }
    cos_.resize(at(half_));
    sin_.resize(at(half_));
  }

  void turn(std::int64_t row, const float* x, float* y) {
    std::int64_t token = row / op_.heads;
    if (op_.tokens > 0) token %= op_.tokens;
    if (token != token_) set_angles(token);
    std::copy(x + rotated_, x + op_.cols, y + rotated_);
    for (std::int64_t i = 0; i < half_; ++i) {
      const float c = cos_[at(i)], s = sin_[at(i)];
      const std::int64_t a = op_.interleaved ? 2 * i : i, b = op_.interleaved ? a + 1 : i + half_;
      y[a] = x[a] * c - x[b] * s;
      y[b] = x[a] * s + x[b] * c;
    }
  }

 private:
  void set_angles(std::int64_t token) {
    token_ = token;
    const auto position = static_cast<double>(op_.position + token);
    for (std::int64_t i = 0; i < half_; ++i) {
      const double angle = position * frequencies_[at(i)];
      cos_[at(i)] = rounded(std::cos(angle));
      sin_[at(i)] = rounded(std::sin(angle));
    }
  }

  const VectorOp& op_;
  std::int64_t rotated_, half_;
  std::vector<double> frequencies_;
  std::int64_t token_ = -1;  ///< whose angles are known
  std::vector<float> cos_, sin_;
};

}  // namespace

namespace {

float gate_of(float x) { return 1.0f / (1.0f + rounded(std::exp(static_cast<double>(-x)))); }
float curved(float x) { return rounded(std::tanh(static_cast<double>(x))); }

/// One result of `reduced` consecutive elements.
float reduced(const VectorOp& op, const float* x) {
  const std::int64_t n = op.reduced;
  if (op.kind == VectorKind::kArgMax) {
    const bool takes_last = vector_alpha(op) != 0;
    std::int64_t best = 0;
    for (std::int64_t j = 1; j < n; ++j)
      if (x[j] > x[best] || (takes_last && x[j] == x[best])) best = j;
    return static_cast<float>(best);
  }
  if (op.kind == VectorKind::kReduceMax) return *std::max_element(x, x + n);
  if (op.kind == VectorKind::kReduceMin) return *std::min_element(x, x + n);
  float result = op.kind == VectorKind::kReduceProd ? 1 : 0;
  for (std::int64_t j = 0; j < n; ++j)
    result = op.kind == VectorKind::kReduceProd ? result * x[j] : result + x[j];
  return op.kind == VectorKind::kReduceMean ? result * (1.0f / static_cast<float>(n)) : result;
}

}  // namespace

std::vector<float> recurrent_values(const VectorOp& op, const VectorOperands& o) {
  const auto gates = static_cast<std::int64_t>(op.axes.size());
  const float bound = rounded(vector_alpha(op));
  std::vector<float> y(at(op.elements()));
  for (std::int64_t i = 0; i < op.elements(); ++i) {
    check_interrupt_after(32);
    const std::int64_t row = i / op.cols, column = i % op.cols;
    const auto place = [&](std::size_t gate) {
      return at((row * gates + op.axes[gate]) * op.cols + column);
    };
    const auto sum = [&](std::size_t gate) {
      return o.inputs[0][place(gate)] + o.inputs[1][place(gate)];
    };
    const float state = o.inputs[2][at(i)];
    switch (op.kind) {
      case VectorKind::kLstmCell: {
        const bool is_coupled = gates == 3;  // f, c, o
        const float forget = gate_of(sum(is_coupled ? 0 : 1));
        const float input = is_coupled ? 1.0f - forget : gate_of(sum(0));
        const float cell = forget * state + input * curved(sum(is_coupled ? 1 : 2));
        y[at(i)] = bound > 0 ? std::clamp(cell, -bound, bound) : cell;
        break;
      }
      case VectorKind::kLstmHidden:
        y[at(i)] = gate_of(sum(at(gates - 1))) * curved(state);
        break;
      case VectorKind::kGruReset:
        y[at(i)] = gate_of(sum(1)) * state;
        break;
      default: {
        const float z = gate_of(sum(0)), reset = bound == 0 ? 1.0f : gate_of(sum(1));
        const float n = curved(o.inputs[0][place(2)] + reset * o.inputs[1][place(2)]);
        y[at(i)] = (1.0f - z) * n + z * state;
      }
    }
  }
  return y;
}

VectorResult row_values(const VectorOp& op, const VectorOperands& o) {
  if (op.kind == VectorKind::kSoftmax) return {softmax(op, o), {}};
  VectorResult result;
  result.values = recycled<float>(at(op.elements()));
  const float alpha = rounded(vector_alpha(op));
  const std::int64_t n = op.cols;
  if (reduces(op.kind)) {
    for (std::int64_t i = 0; i < op.elements(); ++i) {
      check_interrupt_after(op.reduced);
      result.values[at(i)] = reduced(op, &o.inputs[0][at(i * op.reduced)]);
    }
    return result;
  }
  if (recurrent_gates(op.kind) != 0) return {recurrent_values(op, o), {}};
  if (op.kind == VectorKind::kRoute) return {route_values(op, o), {}};
  if (op.kind == VectorKind::kCombine) return {combined_values(op, o), {}};
  std::optional<Rope> rope;
  if (op.kind == VectorKind::kRope) rope.emplace(op, o.factors);
  for (std::int64_t r = 0; r < op.rows; ++r) {
    check_interrupt_after(16 * n);
    const float* x = &o.inputs[0][at(r * n)];
    float* y = &result.values[at(r * n)];
    switch (op.kind) {
      case VectorKind::kRmsNorm:
        rmsnorm(x, n, alpha, o.gamma.data(), y);
        break;
      case VectorKind::kLayerNorm:
        layernorm(x, n, alpha, o, y);
        break;
      case VectorKind::kL2Norm: {
        float squares = 0;
        for (std::int64_t i = 0; i < n; ++i) squares += x[i] * x[i];
        const float root = rounded(std::sqrt(static_cast<double>(squares)));
        const float inverse = 1.0f / std::max(root, alpha);
        for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * inverse;
        break;
      }
      case VectorKind::kHadamard:
        std::copy_n(x, n, y);
        hadamard(y, n, op.reduced);
        break;
      case VectorKind::kQuantize:
        result.row_scales.push_back(quantize(x, n, alpha, vector_beta(op) == 1, y));
        break;
      default:
        rope->turn(r, x, y);
    }
  }
  return result;
}

}  // namespace bitjoule
