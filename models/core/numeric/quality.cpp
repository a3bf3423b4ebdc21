#include "core/numeric/quality.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitjoule {

template <class Reference>
void QualityMeter::add_pairs(const Reference* reference, const float* got, std::int64_t n) {
  QualityMeter sums = *this;  // which a register may hold
  for (std::int64_t i = 0; i < n; ++i) {
    const auto wanted = static_cast<double>(reference[i]);
    const auto value = static_cast<double>(got[i]);
    const double error = value - wanted;
    if (!std::isfinite(error)) {
      ++sums.not_finite_;
      continue;
    }
    ++sums.count_;
    sums.signal_ += wanted * wanted;
    sums.power_ += value * value;
    sums.product_ += wanted * value;
    sums.noise_ += error * error;
    sums.abs_sum_ += std::abs(error);
    sums.max_abs_ = std::max(sums.max_abs_, std::abs(error));
  }
  *this = sums;
}

void QualityMeter::add(const double* reference, const float* got, std::int64_t n) {
  add_pairs(reference, got, n);
}
void QualityMeter::add(const float* reference, const float* got, std::int64_t n) {
  add_pairs(reference, got, n);
}

Quality QualityMeter::result() const {
  Quality q;
  q.count = count_;
  q.not_finite = not_finite_;
  q.max_abs = max_abs_;
  q.mean_abs = count_ == 0 ? 0 : abs_sum_ / static_cast<double>(count_);
  q.sqnr_db = count_ == 0   ? std::numeric_limits<double>::quiet_NaN()
              : noise_ == 0 ? std::numeric_limits<double>::infinity()
                            : 10 * std::log10(signal_ / noise_);
  if (signal_ == 0 || power_ == 0) {
    q.cosine = signal_ == power_ ? 1 : 0;
  } else {
    // Two roots: the product of the two sums could overflow.
    q.cosine = product_ / (std::sqrt(signal_) * std::sqrt(power_));
  }
  return q;
}

}  // namespace bitjoule
