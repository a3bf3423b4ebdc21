#include "core/exec/kernels.h"

#include <algorithm>
#include <vector>

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// One row of a against four rows of b.
BITJOULE_VECTORIZE void dot4(const std::int16_t* a, const std::int16_t* b, std::int64_t k,
                             std::int32_t* sums) {
  const std::int16_t *b0 = b, *b1 = b + k, *b2 = b + 2 * k, *b3 = b + 3 * k;
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    s0 += a[i] * b0[i];
    s1 += a[i] * b1[i];
    s2 += a[i] * b2[i];
    s3 += a[i] * b3[i];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

BITJOULE_VECTORIZE std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t k) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < k; ++i) sum += a[i] * b[i];
  return sum;
}

constexpr std::int64_t kColumns = 32;  // results side by side in one vectorised pass
// Below these, arranging operands for that kernel costs more than it saves.
constexpr std::int64_t kFewRows = 8, kShortSum = 64;

/// `rows` rows of a (1 or 4) against kColumns columns; columns[k][kColumns].
template <int Rows>
BITJOULE_INLINE void float_block(const float* a, std::int64_t stride, const float* columns,
                                 std::int64_t k, float* out) {
  float sums[Rows][kColumns] = {};
  for (std::int64_t i = 0; i < k; ++i) {
    const float* b = columns + i * kColumns;
    for (int r = 0; r < Rows; ++r) {
      const float x = a[r * stride + i];
      for (int c = 0; c < kColumns; ++c) sums[r][c] += x * b[c];
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < kColumns; ++c) out[r * kColumns + c] = sums[r][c];
}

BITJOULE_VECTORIZE void float_block1(const float* a, std::int64_t stride, const float* columns,
                                     std::int64_t k, float* out) {
  float_block<1>(a, stride, columns, k, out);
}

BITJOULE_VECTORIZE void float_block2(const float* a, std::int64_t stride, const float* columns,
                                     std::int64_t k, float* out) {
  float_block<2>(a, stride, columns, k, out);
}

/// Up to kColumns rows of b side by side, the missing ones zero.
void pack_columns(const float* b, std::int64_t stride, std::int64_t n, std::int64_t k,
                  std::vector<float>& columns) {
  columns.assign(static_cast<std::size_t>(k * kColumns), 0.0f);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t i = 0; i < k; ++i)
      columns[static_cast<std::size_t>(i * kColumns + c)] = b[c * stride + i];
}

/// The largest magnitude.
BITJOULE_VECTORIZE std::int64_t largest(const std::int16_t* values, std::int64_t n) {
  std::int16_t low = 0, high = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  return std::max<std::int64_t>(high, -std::int64_t{low});
}

BITJOULE_VECTORIZE void to_floats(const std::int16_t* values, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = values[i];
}

BITJOULE_VECTORIZE void add_integers(const float* values, std::int64_t n, std::int32_t* sums) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += static_cast<std::int32_t>(values[i]);
}

/// Sums whose every part stays below 2^24 are exact in floats, which have the faster kernel:
/// `exact` of k at a time.
void multiply_small_integers(const std::int16_t* a, const std::int16_t* b, std::int64_t m,
                             std::int64_t n, std::int64_t k, std::int64_t exact,
                             std::int32_t* sums) {
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  std::vector<float> fa(size(m * k)), fb(size(n * k)), part(size(m * n));
  to_floats(a, m * k, fa.data());
  to_floats(b, n * k, fb.data());
  std::fill_n(sums, m * n, 0);
  for (std::int64_t k0 = 0; k0 < k; k0 += exact) {
    multiply_floats(fa.data() + k0, fb.data() + k0, k, m, n, std::min(exact, k - k0), part.data());
    add_integers(part.data(), m * n, sums);
  }
}

}  // namespace

void multiply_integers(const std::int16_t* a, const std::int16_t* b, std::int64_t m, std::int64_t n,
                       std::int64_t k, std::int32_t* sums) {
  if (m >= kFewRows) {
    const std::int64_t product = std::max<std::int64_t>(1, largest(a, m * k) * largest(b, n * k));
    const std::int64_t exact = (std::int64_t{1} << 24) / product;
    if (exact >= kShortSum) return multiply_small_integers(a, b, m, n, k, exact, sums);
  }
  // Blocks of b that stay in the first-level cache while all rows of a pass.
  const std::int64_t block = std::max<std::int64_t>(4, 8192 / std::max<std::int64_t>(1, k) / 4 * 4);
  for (std::int64_t n0 = 0; n0 < n; n0 += block)
    for (std::int64_t i = 0; i < m; ++i) {
      std::int64_t j = n0;
      const std::int64_t end = std::min(n0 + block, n);
      for (; j + 4 <= end; j += 4) dot4(a + i * k, b + j * k, k, sums + i * n + j);
      for (; j < end; ++j) sums[i * n + j] = dot(a + i * k, b + j * k, k);
    }
}

void multiply_floats(const float* a, const float* b, std::int64_t stride, std::int64_t m,
                     std::int64_t n, std::int64_t k, float* sums) {
  std::vector<float> columns;
  float out[2 * kColumns];
  for (std::int64_t n0 = 0; n0 < n; n0 += kColumns) {
    const std::int64_t width = std::min(kColumns, n - n0);
    pack_columns(b + n0 * stride, stride, width, k, columns);
    for (std::int64_t i = 0; i < m; i += 2) {
      const std::int64_t rows = std::min<std::int64_t>(2, m - i);
      (rows == 2 ? float_block2 : float_block1)(a + i * stride, stride, columns.data(), k, out);
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(out + r * kColumns, width, sums + (i + r) * n + n0);
    }
  }
}

}  // namespace bitjoule
