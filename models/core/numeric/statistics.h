// What the choice of a scale needs to know of the elements that share it. NaN and infinities do not
// count.
#pragma once

#include <cstdint>

#include "core/numeric/storage.h"

namespace bitjoule {

/// max |x| over the finite elements; 0 if there are none.
float abs_max(const float* x, std::int64_t n);

/// Smallest and largest finite element, extended to include 0.
void min_max(const float* x, std::int64_t n, float& min, float& max);

/// abs_max or min_max of consecutive groups of `group` elements, the last of which may be shorter.
void abs_max_of_groups(const float* x, std::int64_t n, std::int64_t group, float* largest);
void min_max_of_groups(const float* x, std::int64_t n, std::int64_t group, float* min, float* max);

/// Whether a scale follows from the smallest and largest element rather than the magnitude.
bool needs_min_max(const StorageLayout& layout);

/// Accumulated over one group; holds only what the format asks for.
struct GroupStatistics {
  float abs_max = 0;
  float min = 0, max = 0;  ///< both include 0
  double abs_sum = 0;      ///< over `finite` elements
  std::int64_t finite = 0;

  void add(const StorageLayout& layout, const float* x, std::int64_t n);
};

}  // namespace bitjoule
