// The scale whose codes are nearest to values, where clipping some lets the others be told apart.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/affine.h"
#include "core/numeric/statistics.h"

namespace bitjoule {

/// Of the scales that a group's largest element (or its range, or its mean magnitude) times 0.3,
/// 0.325, ... 1.2 would have, the one with the least sum of squared errors; that of 1 where none is
/// better. For planar formats of at most 16 bits.
class ScaleSearch {
 public:
  /// `layout` must outlive it.
  explicit ScaleSearch(const StorageLayout& layout);

  /// Of x[0..n). The square of element i counts weights[i % period] times; nullptr: once.
  GroupParameters best(const float* x, std::int64_t n, const double* weights, std::int64_t period);

 private:
  double error(GroupParameters p, const float* x, std::int64_t n, const double* weights,
               std::int64_t period);

  const StorageLayout& layout_;
  std::uint16_t mask_;
  std::vector<std::uint16_t> codes_;
  std::vector<float> decoded_;
};

}  // namespace bitjoule
