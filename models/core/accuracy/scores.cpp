#include "core/accuracy/scores.h"

#include <algorithm>
#include <cmath>

#include "core/index.h"
#include "core/numeric/exponential.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kTop = 5;
constexpr std::int64_t kClassesAtOnce = 256;  // classes at once

template <class F>
void in_pieces(std::int64_t n, F f) {
  for (std::int64_t first = 0; first < n; first += kClassesAtOnce)
    f(first, std::min(kClassesAtOnce, n - first));
}

/// `p_sum` and `q_sum` are the rows' log_sum_exp.
double divergence(const double* p_logits, double p_sum, const double* q_logits, double q_sum,
                  std::int64_t n) {
  double kl = 0;
  in_pieces(n, [&](std::int64_t first, std::int64_t count) {
    double p[kClassesAtOnce];
    for (std::int64_t i = 0; i < count; ++i) p[i] = p_logits[first + i] - p_sum;
    exponentiate(p, count);
    for (std::int64_t i = 0; i < count; ++i)
      if (p[i] > 0) kl += p[i] * (p_logits[first + i] - p_sum - (q_logits[first + i] - q_sum));
  });
  return kl;
}

struct Ahead {
  std::int64_t count = 0, nans = 0;
};

/// Larger ones than x[index], and equal ones before it.
BITJOULE_VECTORIZE Ahead count_ahead(const double* x, std::int64_t n, std::int64_t index) {
  std::int64_t count = 0, nans = 0;
  const double own = x[index];
  for (std::int64_t i = 0; i < n; ++i) {
    count += x[i] > own ? 1 : 0;
    nans += x[i] != x[i] ? 1 : 0;
  }
  for (std::int64_t i = 0; i < index; ++i) count += x[i] == own ? 1 : 0;
  return {count, nans};
}

}  // namespace

double log_sum_exp(const double* x, std::int64_t n) {
  const double largest = *std::max_element(x, x + n);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  in_pieces(n, [&](std::int64_t first, std::int64_t count) {
    double powers[kClassesAtOnce];
    for (std::int64_t i = 0; i < count; ++i) powers[i] = x[first + i] - largest;
    exponentiate(powers, count);
    for (std::int64_t i = 0; i < count; ++i) sum += powers[i];
  });
  return largest + std::log(sum);
}

std::int64_t likeliest(const double* x, std::int64_t n) { return std::max_element(x, x + n) - x; }

std::int64_t rank_of(const double* x, std::int64_t n, std::int64_t index) {
  const Ahead ahead = count_ahead(x, n, index);
  return ahead.nans > 0 ? n : ahead.count;
}

double kl_divergence(const double* p_logits, const double* q_logits, std::int64_t n) {
  return divergence(p_logits, log_sum_exp(p_logits, n), q_logits, log_sum_exp(q_logits, n), n);
}

Prediction score_prediction(const float* logits, const double* reference, std::int64_t classes,
                            std::int64_t target) {
  const std::vector<double> x(logits, logits + classes);
  Prediction p;
  p.target = target;
  p.predicted = likeliest(x.data(), classes);
  p.reference_predicted = likeliest(reference, classes);
  p.rank = rank_of(x.data(), classes, target);
  p.reference_rank = rank_of(reference, classes, target);
  const double sum = log_sum_exp(x.data(), classes);
  const double reference_sum = log_sum_exp(reference, classes);
  p.nll = sum - x[at(target)];
  p.reference_nll = reference_sum - reference[target];
  p.kl = divergence(reference, reference_sum, x.data(), sum, classes);
  const std::int64_t rank = rank_of(x.data(), classes, p.reference_predicted);
  p.agrees = rank == 0;
  p.agrees5 = rank < kTop;
  return p;
}

}  // namespace bitjoule
