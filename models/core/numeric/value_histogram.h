// How the values of a tensor are spread, and the scale of an integer format that suits them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/affine.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// Counts in equal bins over -range..range, range being the least power of two that holds every
/// value: the same for any order of the values. The bin of x > 0 holds its upper end, that of x < 0
/// its lower one; zeros are in the first above zero. Values that are not finite do not count.
class ValueHistogram {
 public:
  static constexpr std::int64_t kBins = 2048;  ///< of each sign

  ValueHistogram() : counts_(2 * kBins) {}
  /// Of counts that were stored: 2 * kBins, from the lowest bin up.
  ValueHistogram(std::vector<std::int64_t> counts, double min, double max);

  void add(const double* x, std::int64_t n);

  const std::vector<std::int64_t>& counts() const { return counts_; }
  double min() const { return min_; }  ///< both include 0
  double max() const { return max_; }
  double range() const { return range_; }  ///< 0: nothing but zeros
  std::int64_t total() const;

 private:
  void widen(double x);

  std::vector<std::int64_t> counts_;
  double min_ = 0, max_ = 0, range_ = 0;
};

/// Scale and zero-point of an integer format with one scale, for values spread so.
///
/// kAbsMax: the smallest and largest value count. kPercentile: those between which 99.99 % lie (of
/// magnitudes, where the format is symmetric). kMse: by ScaleSearch over the middles of the bins.
/// kEntropy (TensorRT, S. Migacz 2017): magnitudes are clipped at the bin from which on the
/// distribution, clipped, has the least divergence from itself in as many steps as the format has;
/// as in NVIDIA's tools the bin at zero counts as the next one.
GroupParameters static_scale(const TensorFormat& format, const ValueHistogram& histogram,
                             ScaleRule rule);

}  // namespace bitjoule
