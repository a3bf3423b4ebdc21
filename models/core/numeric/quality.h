// How far values are from what they should be: the other side of the trade of narrow formats.
#pragma once

#include <cstdint>

namespace bitjoule {

/// Error of `count` values against a float64 reference.
struct Quality {
  std::int64_t count = 0;       ///< compared pairs
  std::int64_t not_finite = 0;  ///< pairs left out because either side is NaN or infinite
  double sqnr_db = 0;           ///< 10 log10(sum ref^2 / sum (got - ref)^2); +infinity where equal,
                                ///< NaN where nothing could be compared
  double max_abs = 0;           ///< max |got - ref|
  double mean_abs = 0;          ///< mean |got - ref|
  double cosine = 1;  ///< of the angle between the two vectors; 1 if both are zero, 0 if one is
};

/// Accumulates pairs in any number of pieces; sums are float64 in the order given.
class QualityMeter {
 public:
  void add(const double* reference, const float* got, std::int64_t n);
  void add(const float* reference, const float* got, std::int64_t n);
  Quality result() const;

 private:
  template <class Reference>
  void add_pairs(const Reference* reference, const float* got, std::int64_t n);

  std::int64_t count_ = 0, not_finite_ = 0;
  double signal_ = 0, noise_ = 0, power_ = 0, product_ = 0, abs_sum_ = 0, max_abs_ = 0;
};

}  // namespace bitjoule
