// A mean and how sure it is.
#pragma once

#include <cstdint>

namespace bitjoule {

struct Mean {
  std::int64_t count = 0;
  double value = 0;
  /// Standard error of the mean: the sample's deviation over the root of its size; 0 of fewer than
  /// two. Of differences of pairs it is the paired one.
  double error = 0;
  double largest = 0;

  /// Whether chance alone rarely makes so much: further from zero than two standard errors.
  bool is_told_from_zero() const { return value > 2 * error || value < -2 * error; }
};

/// Takes values one by one: the same order, the same bits. The deviation is by Welford's
/// recurrence, in float64.
class MeanMeter {
 public:
  void add(double x);
  Mean result() const;

 private:
  std::int64_t count_ = 0;
  double sum_ = 0, mean_ = 0, squares_ = 0, largest_ = 0;
};

}  // namespace bitjoule
