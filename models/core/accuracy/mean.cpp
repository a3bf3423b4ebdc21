#include "core/accuracy/mean.h"

#include <algorithm>
#include <cmath>

namespace bitjoule {

void MeanMeter::add(double x) {
  largest_ = count_ == 0 ? x : std::max(largest_, x);
  sum_ += x;
  const double before = x - mean_;
  mean_ += before / static_cast<double>(++count_);
  squares_ += before * (x - mean_);
}

Mean MeanMeter::result() const {
  const auto n = static_cast<double>(count_);
  return {count_, count_ == 0 ? 0.0 : sum_ / n,
          count_ < 2 ? 0.0 : std::sqrt(squares_ / (n - 1) / n), largest_};
}

}  // namespace bitjoule
