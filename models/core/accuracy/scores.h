// How good one prediction is, and how far it is from that of a reference: the same network in
// floating point.
#pragma once

#include <cstdint>
#include <vector>

namespace bitjoule {

/// log(sum of exp(x)): what logits less it are the logarithms of probabilities. Sums are float64 in
/// the order given.
double log_sum_exp(const double* x, std::int64_t n);

/// The index of the largest; of equal ones the first.
std::int64_t likeliest(const double* x, std::int64_t n);
/// How many are larger than element `index`, or equal and before it: 0 of the likeliest; all of
/// them where one is NaN, as nothing is likely then.
std::int64_t rank_of(const double* x, std::int64_t n, std::int64_t index);

/// KL(p || q) in nats, of the softmax of two rows of logits.
double kl_divergence(const double* p_logits, const double* q_logits, std::int64_t n);

/// One row of logits over classes, or over a vocabulary, beside the reference's. Nats.
struct Prediction {
  std::int64_t target = 0, predicted = 0, reference_predicted = 0;
  std::int64_t rank = 0, reference_rank = 0;  ///< of the target, 0 for the likeliest
  double nll = 0, reference_nll = 0;          ///< -log of the target's probability
  double kl = 0;                              ///< KL(reference || network)
  bool agrees = false;                        ///< both have the same likeliest class
  bool agrees5 = false;  ///< the reference's likeliest is among the network's five likeliest

  bool is_right() const { return rank == 0; }
  bool is_reference_right() const { return reference_rank == 0; }
};
Prediction score_prediction(const float* logits, const double* reference, std::int64_t classes,
                            std::int64_t target);

}  // namespace bitjoule
