// Many sums at once for the oracle and the float64 reference. A single sum is one chain of
// additions that wait for each other; here eight rows of weights and some of inputs make
// chains of their own, in registers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/simd.h"

namespace bitjoule {

constexpr std::int64_t kSumLanes = 8;  ///< rows of a panel
constexpr std::int64_t kSumRows = 12;  ///< rows of inputs in one call

/// kSumLanes rows of k elements side by side: panel[i][lane] = rows[lane][i].
template <class From, class T>
void fill_panel(const std::array<const From*, kSumLanes>& rows, std::int64_t k,
                std::vector<T>& panel) {
  panel.resize(static_cast<std::size_t>(k * kSumLanes));
  T* to = panel.data();
  for (std::int64_t i = 0; i < k; ++i)
    for (const From* row : rows) *to++ = static_cast<T>(row[i]);
}

/// sums[part][row][lane] = sum over the elements i of a part of x[row * stride + i] *
/// panel[i][lane], for `rows` <= kSumRows; `ends` are the parts' ends, ascending. Rows of sums may
/// be further apart than kSumLanes: what lies between them stays.
///
/// Invariant, in every form: a sum starts at +0, a product is rounded, then added with one
/// rounding, i ascending. So a sum's bits do not depend on what is computed beside it.
void side_by_side(const double* x, std::int64_t stride, std::int64_t rows, const double* panel,
                  const std::vector<std::int64_t>& ends, double* sums,
                  std::int64_t row_stride = kSumLanes, Simd simd = widest_simd());
void side_by_side(const float* x, std::int64_t stride, std::int64_t rows, const float* panel,
                  const std::vector<std::int64_t>& ends, float* sums,
                  std::int64_t row_stride = kSumLanes, Simd simd = widest_simd());

/// sums[part][pair] = sum over the elements i of a part of x[pair][i] * w[pair][i], for pairs of
/// rows that share nothing. The same invariant.
void sum_pairs(const std::array<const double*, kSumLanes>& x,
               const std::array<const float*, kSumLanes>& w, const std::vector<std::int64_t>& ends,
               double* sums);
void sum_pairs(const std::array<const float*, kSumLanes>& x,
               const std::array<const float*, kSumLanes>& w, const std::vector<std::int64_t>& ends,
               float* sums);

/// Exact sum of x[i] * w[i] over n elements, whose absolute sum over any `safe` of them fits int32.
std::int64_t sum_products(const std::int16_t* x, const std::int16_t* w, std::int64_t n,
                          std::int64_t safe, Simd simd = best_simd());

constexpr std::int64_t kFilledLanes = 64;  ///< sums beside one another, of rows with zeros

/// Whether so many elements are 0 that it pays to look for the others.
bool has_many_zeros(const double* x, std::int64_t n);

/// y[row * y_stride + n] = sum over k of x[row * k + i] * w[n * k + i], i ascending, for the first
/// n / kFilledLanes * kFilledLanes rows of `w`, whose elements are finite. A sum's bits are those
/// of side_by_side(): products with zeros add +-0, which changes no sum that began at +0.
void filled_sums(const double* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k,
                 double* y, std::int64_t y_stride, Simd simd = widest_simd());

}  // namespace bitjoule
