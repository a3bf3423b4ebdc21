// Many sums at once for the oracle and the float64 reference. A single sum is one chain of
// additions that wait for each other; here eight rows of weights and up to four of inputs make
// chains of their own, in registers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/simd.h"

namespace bitjoule {

constexpr std::int64_t kSumLanes = 8;  ///< rows of a panel
constexpr std::int64_t kSumRows = 4;   ///< rows of inputs in one pass

/// panel[i][lane] = row[i] for one lane of a panel [k][kSumLanes].
template <class From, class T>
void fill_lane(const From* row, std::int64_t k, T* panel, std::int64_t lane) {
  for (std::int64_t i = 0; i < k; ++i) panel[i * kSumLanes + lane] = static_cast<T>(row[i]);
}

/// Up to kSumLanes rows of k elements as a panel; missing rows are 0.
template <class From, class T>
void fill_panel(const From* rows, std::int64_t count, std::int64_t k, std::vector<T>& panel) {
  panel.resize(static_cast<std::size_t>(k * kSumLanes));
  if (count == kSumLanes) {
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t lane = 0; lane < kSumLanes; ++lane)
        panel[static_cast<std::size_t>(i * kSumLanes + lane)] = static_cast<T>(rows[lane * k + i]);
    return;
  }
  std::fill(panel.begin(), panel.end(), T{});
  for (std::int64_t lane = 0; lane < count; ++lane)
    fill_lane(rows + lane * k, k, panel.data(), lane);
}

/// sums[part][row][lane] = sum over the elements i of a part of x[row * stride + i] *
/// panel[i][lane], for `rows` <= kSumRows; `ends` are the parts' ends, ascending.
///
/// Invariant, in every form: a sum starts at +0, a product is rounded, then added with one
/// rounding, i ascending. So a sum's bits do not depend on what is computed beside it.
void side_by_side(const double* x, std::int64_t stride, std::int64_t rows, const double* panel,
                  const std::vector<std::int64_t>& ends, double* sums, Simd simd = best_simd());
void side_by_side(const float* x, std::int64_t stride, std::int64_t rows, const float* panel,
                  const std::vector<std::int64_t>& ends, float* sums, Simd simd = best_simd());

}  // namespace bitjoule
