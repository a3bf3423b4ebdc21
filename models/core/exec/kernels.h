// The inner loops of the fast array, written so that compilers vectorise them.
#pragma once

#include <cstdint>

namespace bitjoule {

/// sums[m x n] = a[m x k] * b[n x k]^T, exact as long as no sum leaves int32.
void multiply_integers(const std::int16_t* a, const std::int16_t* b, std::int64_t m, std::int64_t n,
                       std::int64_t k, std::int32_t* sums);

/// sums[m x n] = a * b^T over k elements of rows `stride` apart. Each product is rounded to fp32,
/// then added with one rounding, k ascending from 0: the order of a column of PEs.
void multiply_floats(const float* a, const float* b, std::int64_t stride, std::int64_t m,
                     std::int64_t n, std::int64_t k, float* sums);

}  // namespace bitjoule
