// Softmax in float64, with what may stand beside its scores: ALiBi's slopes, sinks, scores of
// distances.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/exponential.h"
#include "core/numeric/vectorize.h"
#include "core/oracle/vector_reference_parts.h"
#include "core/recycled.h"

namespace bitjoule::reference {
namespace {

/// The largest factor * x[i], by code of the reference's own, as all here; many at a time, since
/// one would wait for the other. What is left of a row is looked at together with some that have
/// been: a maximum stays. Vectors that every form has: of longer ones compilers compare each
/// element by itself.
BITJOULE_VECTORIZE_WIDELY double largest_of(const double* x, std::int64_t n, double factor) {
  constexpr std::int64_t kLanes = 2, kVectors = 8, kAtOnce = kVectors * kLanes;
  typedef double Lanes __attribute__((vector_size(kLanes * sizeof(double))));
  double largest[kAtOnce];
  std::fill_n(largest, kAtOnce, -std::numeric_limits<double>::infinity());
  if (n < kAtOnce) {
    for (std::int64_t i = 0; i < n; ++i) largest[i] = factor * x[i];
    for (std::int64_t i = 0; i < n; ++i)  // NaNs do not count
      if (!(largest[i] == largest[i])) largest[i] = -std::numeric_limits<double>::infinity();
  } else {
    Lanes found[kVectors];
    std::memcpy(found, largest, sizeof found);
    for (std::int64_t i = 0; i < n; i += kAtOnce) {
      const double* from = x + std::min(i, n - kAtOnce);
#pragma GCC unroll 8
      for (std::int64_t v = 0; v < kVectors; ++v) {
        Lanes next;
        std::memcpy(&next, from + v * kLanes, sizeof next);
        next *= factor;
        found[v] = next > found[v] ? next : found[v];
      }
    }
    std::memcpy(largest, found, sizeof found);
  }
  for (std::int64_t half = kAtOnce / 2; half > 0; half /= 2)
    for (std::int64_t i = 0; i < half; ++i)
      largest[i] = largest[i + half] > largest[i] ? largest[i + half] : largest[i];
  return largest[0];
}

BITJOULE_VECTORIZE_WIDELY void scale_and_subtract(const double* x, std::int64_t n, double factor,
                                                  double subtracted, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i] - subtracted;
}

BITJOULE_VECTORIZE_WIDELY void divide_all(double* values, std::int64_t n, double divisor) {
  for (std::int64_t i = 0; i < n; ++i) values[i] /= divisor;
}

/// A row's columns that are seen, whose sum is a chain of additions, each waiting for the one
/// before it: those of some rows go side by side.
struct SeenColumns {
  double* first = nullptr;
  std::int64_t count = 0;
  double sum = 0;
};
constexpr std::int64_t kSideBySide = 8;

/// e to the power of each score less the largest, of columns begin..end; the others stay 0.
/// `slope`: of ALiBi; `sinks`: none or one more score. `of_distances`: none, or what is added to
/// each column.
SeenColumns powers_of_scores(const double* x, std::int64_t begin, std::int64_t end, double alpha,
                             double slope, const Values& sinks, const Values& of_distances,
                             double* y) {
  const bool is_plain = slope == 0 && of_distances.empty();
  if (!is_plain) scale_and_subtract(x + begin, end - begin, alpha, 0, y + begin);
  for (std::int64_t i = begin; slope != 0 && i < end; ++i)
    y[i] -= slope * static_cast<double>(end - 1 - i);
  for (std::int64_t i = begin; !of_distances.empty() && i < end; ++i) y[i] += of_distances[at(i)];
  const double* scores = is_plain ? x : y;
  const double factor = is_plain ? alpha : 1;
  double largest = largest_of(scores + begin, end - begin, factor);
  for (const double sink : sinks) largest = std::fmax(largest, sink);
  scale_and_subtract(scores + begin, end - begin, factor, largest, y + begin);
  exponentiate(y + begin, end - begin);
  SeenColumns seen{y + begin, end - begin, 0};
  for (const double sink : sinks) seen.sum += std::exp(sink - largest);
  return seen;
}

void divide_by_sums(SeenColumns (&rows)[kSideBySide]) {
  double sums[kSideBySide];
  std::int64_t shortest = rows[0].count;
  for (std::int64_t r = 0; r < kSideBySide; ++r) {
    sums[r] = rows[r].sum;
    shortest = std::min(shortest, rows[r].count);
  }
  for (std::int64_t i = 0; i < shortest; ++i)
    for (std::int64_t r = 0; r < kSideBySide; ++r) sums[r] += rows[r].first[i];
  for (std::int64_t r = 0; r < kSideBySide; ++r) {
    for (std::int64_t i = shortest; i < rows[r].count; ++i) sums[r] += rows[r].first[i];
    divide_all(rows[r].first, rows[r].count, sums[r]);
  }
}

/// By the definition of Press et al. (2022): 2^(-max/n), its powers for n heads; where n is no
/// power of two, those of the largest below it and then the odd powers of its root.
double slope_of(const VectorOp& op, std::int64_t head) {
  if (op.alibi == 0) return 0;
  std::int64_t n = op.heads;
  while ((n & (n - 1)) != 0) --n;
  const double root = std::pow(2, -op.alibi / static_cast<double>(n));
  if (head < n) return std::pow(root, static_cast<double>(head + 1));
  return std::pow(std::sqrt(root), static_cast<double>(2 * (head - n) + 1));
}

/// By Raffel et al. (2020): of n buckets for one direction the first n / 2 are distances 0, 1, ...;
/// the others begin at n / 2 * (farthest / (n / 2))^(j / (n / 2)), j = 0, 1, ... Where all keys are
/// seen, those behind the query have buckets of their own, after the others.
Values scores_of_distances(const VectorOp& op, const Values& table, std::int64_t row,
                           std::int64_t head) {
  Values scores;
  if (!op.distances) return scores;
  const bool both = op.causal == 0;
  const std::int64_t n = op.distances->buckets / (both ? 2 : 1), half = n / 2;
  const std::int64_t rows = both ? op.cols : op.causal;
  const double base = static_cast<double>(half),
               ratio = static_cast<double>(op.distances->farthest) / base;
  for (std::int64_t column = 0; column < op.cols; ++column) {
    const std::int64_t ahead = column - (op.cols - rows + row % rows);
    std::int64_t distance = ahead <= 0 ? -ahead : both ? ahead : 0, bucket = distance;
    for (std::int64_t j = 0; distance >= half && j < half; ++j)
      if (static_cast<double>(distance) >
          (1 - 1e-7) * base * std::pow(ratio, static_cast<double>(j) / base))
        bucket = half + j;
    if (both && ahead > 0) bucket += n;
    scores.push_back(table[at(bucket * op.heads + head)]);
  }
  return scores;
}

}  // namespace

Values softmax_rows(const VectorOp& op, const ReferenceOperands& o) {
  Values y = recycled<double>(at(op.elements()));
  for (std::int64_t r = 0; r < op.rows;) {
    SeenColumns rows[kSideBySide];
    check_interrupt_after(16 * kSideBySide * op.cols);
    for (std::int64_t row = 0; row < kSideBySide && r < op.rows; ++row, ++r) {
      const std::int64_t hidden = op.causal > 0 ? op.causal - 1 - r % op.causal : 0;
      const std::int64_t end = op.cols - hidden;
      const std::int64_t passed = op.reach == 0 || op.reach > end ? 0 : end - op.reach;
      const std::int64_t of_head = op.causal > 0 ? op.causal : op.distances ? op.cols : 1;
      const std::int64_t head = r / of_head % op.heads;
      const Values sinks = op.sinks ? Values{o.sinks[at(head)]} : Values();
      double* to = &y[at(r * op.cols)];
      std::fill(to, to + passed, 0.0);
      std::fill(to + end, to + op.cols, 0.0);
      rows[row] = powers_of_scores(&o.inputs[0][at(r * op.cols)], passed, end, vector_alpha(op),
                                   slope_of(op, head), sinks,
                                   scores_of_distances(op, o.distances, r, head), to);
    }
    divide_by_sums(rows);
  }
  return y;
}

}  // namespace bitjoule::reference
