// The inner loops of the fast array, written for SIMD.
#pragma once

#include <cstdint>

namespace bitjoule {

/// sums[m x n] = a * b^T over k elements of rows `stride` apart; exact as long as no sum leaves
/// int32.
void multiply_integers(const std::int16_t* a, const std::int16_t* b, std::int64_t stride,
                       std::int64_t m, std::int64_t n, std::int64_t k, std::int32_t* sums);

/// acc[m x n] = a[m x k] * b[n x k]^T in partial sums of `chunk` elements of k. Each starts at 0; a
/// product is rounded to fp32, then added with one rounding, k ascending: the order of a column of
/// PEs. Then it is added to acc; where not `accumulate`, the first one replaces it.
void multiply_floats(const float* a, const float* b, std::int64_t m, std::int64_t n, std::int64_t k,
                     std::int64_t chunk, bool accumulate, float* acc);

}  // namespace bitjoule
