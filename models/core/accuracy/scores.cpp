#include "core/accuracy/scores.h"

#include <algorithm>
#include <cmath>

#include "core/index.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kTop = 5;

/// `p_sum` and `q_sum` are the rows' log_sum_exp.
double divergence(const double* p_logits, double p_sum, const double* q_logits, double q_sum,
                  std::int64_t n) {
  double kl = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double log_p = p_logits[i] - p_sum;
    if (const double p = std::exp(log_p); p > 0) kl += p * (log_p - (q_logits[i] - q_sum));
  }
  return kl;
}

}  // namespace

double log_sum_exp(const double* x, std::int64_t n) {
  const double largest = *std::max_element(x, x + n);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

std::int64_t likeliest(const double* x, std::int64_t n) { return std::max_element(x, x + n) - x; }

std::int64_t rank_of(const double* x, std::int64_t n, std::int64_t index) {
  std::int64_t rank = 0;
  for (std::int64_t i = 0; i < n; ++i)
    rank += x[i] > x[index] || (x[i] == x[index] && i < index) ? 1 : 0;
  return rank;
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
  p.agrees = p.predicted == p.reference_predicted;
  p.agrees5 = rank_of(x.data(), classes, p.reference_predicted) < kTop;
  return p;
}

}  // namespace bitjoule
