#include "core/exec/kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/numeric/vectorize.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitjoule {
namespace {

constexpr std::int64_t kColumns = 16;  // results side by side in one pass
constexpr std::int64_t kRows = 4;      // and below one another: they fit 16 registers
// For fewer rows, arranging pairs of integers costs more than it saves.
constexpr std::int64_t kFewRows = 6;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// One row of a against four rows of b.
BITJOULE_VECTORIZE void dot4(const std::int16_t* a, const std::int16_t* b, std::int64_t stride,
                             std::int64_t k, std::int32_t* sums) {
  const std::int16_t *b0 = b, *b1 = b + stride, *b2 = b + 2 * stride, *b3 = b + 3 * stride;
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

void multiply_by_dots(const std::int16_t* a, const std::int16_t* b, std::int64_t stride,
                      std::int64_t m, std::int64_t n, std::int64_t k, std::int32_t* sums) {
  // Blocks of b that stay in the first-level cache while all rows of a pass.
  const std::int64_t block = std::max<std::int64_t>(4, 8192 / std::max<std::int64_t>(1, k) / 4 * 4);
  for (std::int64_t n0 = 0; n0 < n; n0 += block)
    for (std::int64_t i = 0; i < m; ++i) {
      std::int64_t j = n0;
      const std::int64_t end = std::min(n0 + block, n);
      for (; j + 4 <= end; j += 4)
        dot4(a + i * stride, b + j * stride, stride, k, sums + i * n + j);
      for (; j < end; ++j) sums[i * n + j] = dot(a + i * stride, b + j * stride, k);
    }
}

#if defined(__x86_64__)

/// Pairs of consecutive k of kColumns rows of b side by side; missing rows, and the partner of an
/// odd last element, are 0.
void pack_pairs(const std::int16_t* b, std::int64_t stride, std::int64_t n, std::int64_t k,
                std::vector<std::int16_t>& pairs) {
  pairs.assign(size((k + 1) / 2 * 2 * kColumns), 0);
  for (std::int64_t c = 0; c < n; ++c) {
    const std::int16_t* row = b + c * stride;
    std::int16_t* out = pairs.data() + 2 * c;
    for (std::int64_t i = 0; i + 1 < k; i += 2) std::memcpy(out + i * kColumns, row + i, 4);
    if (k % 2 != 0) out[(k - 1) * kColumns] = row[k - 1];
  }
}

/// Rows of a against kColumns columns: each multiply-add takes eight columns and two of k.
template <int Rows>
__attribute__((target("avx2"))) void pair_block(const std::int16_t* a, std::int64_t stride,
                                                const std::int16_t* pairs, std::int64_t k,
                                                std::int32_t* out) {
  std::int16_t last[Rows][2] = {};  // an odd last element and its partner
  if (k % 2 != 0)
    for (int r = 0; r < Rows; ++r) last[r][0] = a[r * stride + k - 1];
  __m256i sums[Rows][2];
  for (auto& row : sums) row[0] = row[1] = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < k; i += 2, pairs += 2 * kColumns) {
    const __m256i b0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs));
    const __m256i b1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs + kColumns));
    for (int r = 0; r < Rows; ++r) {
      std::int32_t both;
      std::memcpy(&both, i + 1 < k ? a + r * stride + i : last[r], 4);
      const __m256i x = _mm256_set1_epi32(both);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(x, b0));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(x, b1));
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < 2; ++v)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + r * kColumns + 8 * v), sums[r][v]);
}

void multiply_by_pairs(const std::int16_t* a, const std::int16_t* b, std::int64_t stride,
                       std::int64_t m, std::int64_t n, std::int64_t k, std::int32_t* sums) {
  static constexpr decltype(&pair_block<1>) kBlocks[] = {pair_block<1>, pair_block<2>,
                                                         pair_block<3>, pair_block<4>};
  static_assert(kRows == 4, "a kernel for each number of rows");
  std::vector<std::int16_t> pairs;
  std::int32_t out[kRows * kColumns];
  for (std::int64_t n0 = 0; n0 < n; n0 += kColumns) {
    const std::int64_t width = std::min(kColumns, n - n0);
    pack_pairs(b + n0 * stride, stride, width, k, pairs);
    for (std::int64_t i = 0; i < m; i += kRows) {
      const std::int64_t rows = std::min(kRows, m - i);
      kBlocks[rows - 1](a + i * stride, stride, pairs.data(), k, out);
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(out + r * kColumns, width, sums + (i + r) * n + n0);
    }
  }
}

#endif

// Eight floats; the compiler makes of them what the instruction set has.
typedef float Lanes __attribute__((vector_size(32)));
constexpr std::int64_t kLanes = 8;
static_assert(kColumns == 2 * kLanes, "two vectors of columns");

/// Rows of a against kColumns columns, columns[k][kColumns]; total[Rows][kColumns] as acc of
/// multiply_floats.
template <int Rows>
BITJOULE_INLINE void float_block(const float* a, std::int64_t stride, const float* columns,
                                 std::int64_t k, std::int64_t chunk, bool accumulate,
                                 float* total) {
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    const std::int64_t end = std::min(begin + chunk, k);
    Lanes sums0[Rows] = {}, sums1[Rows] = {};
    for (std::int64_t i = begin; i < end; ++i) {
      Lanes b0, b1;
      std::memcpy(&b0, columns + i * kColumns, sizeof b0);
      std::memcpy(&b1, columns + i * kColumns + kLanes, sizeof b1);
      for (int r = 0; r < Rows; ++r) {
        sums0[r] += b0 * a[r * stride + i];
        sums1[r] += b1 * a[r * stride + i];
      }
    }
    for (int r = 0; r < Rows; ++r) {
      float* out = total + r * kColumns;
      if (begin > 0 || accumulate) {
        Lanes before0, before1;
        std::memcpy(&before0, out, sizeof before0);
        std::memcpy(&before1, out + kLanes, sizeof before1);
        sums0[r] = before0 + sums0[r];
        sums1[r] = before1 + sums1[r];
      }
      std::memcpy(out, &sums0[r], sizeof sums0[r]);
      std::memcpy(out + kLanes, &sums1[r], sizeof sums1[r]);
    }
  }
}

BITJOULE_VECTORIZE void float_block1(const float* a, std::int64_t stride, const float* columns,
                                     std::int64_t k, std::int64_t chunk, bool accumulate,
                                     float* total) {
  float_block<1>(a, stride, columns, k, chunk, accumulate, total);
}

BITJOULE_VECTORIZE void float_block4(const float* a, std::int64_t stride, const float* columns,
                                     std::int64_t k, std::int64_t chunk, bool accumulate,
                                     float* total) {
  float_block<kRows>(a, stride, columns, k, chunk, accumulate, total);
}

/// One row of a against N rows of b without arranging them: N chains of additions.
template <int N>
void float_dots(const float* a, const float* b, std::int64_t k, std::int64_t chunk, bool accumulate,
                float* acc) {
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    const std::int64_t end = std::min(begin + chunk, k);
    float sums[N] = {};
    for (std::int64_t i = begin; i < end; ++i)
      for (int j = 0; j < N; ++j) sums[j] += a[i] * b[j * k + i];
    for (int j = 0; j < N; ++j) acc[j] = begin > 0 || accumulate ? acc[j] + sums[j] : sums[j];
  }
}

void multiply_by_dots(const float* a, const float* b, std::int64_t m, std::int64_t n,
                      std::int64_t k, std::int64_t chunk, bool accumulate, float* acc) {
  constexpr int kChains = 8;
  for (std::int64_t i = 0; i < m; ++i) {
    const float* row = a + i * k;
    std::int64_t j = 0;
    for (; j + kChains <= n; j += kChains)
      float_dots<kChains>(row, b + j * k, k, chunk, accumulate, acc + i * n + j);
    for (; j < n; ++j) float_dots<1>(row, b + j * k, k, chunk, accumulate, acc + i * n + j);
  }
}

/// Up to kColumns rows of b side by side, the missing ones zero.
void pack_columns(const float* b, std::int64_t n, std::int64_t k, std::vector<float>& columns) {
  columns.assign(size(k * kColumns), 0.0f);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t i = 0; i < k; ++i) columns[size(i * kColumns + c)] = b[c * k + i];
}

}  // namespace

void multiply_integers(const std::int16_t* a, const std::int16_t* b, std::int64_t stride,
                       std::int64_t m, std::int64_t n, std::int64_t k, std::int32_t* sums) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2 && m >= kFewRows) return multiply_by_pairs(a, b, stride, m, n, k, sums);
#endif
  multiply_by_dots(a, b, stride, m, n, k, sums);
}

void multiply_floats(const float* a, const float* b, std::int64_t m, std::int64_t n, std::int64_t k,
                     std::int64_t chunk, bool accumulate, float* acc) {
  if (m < kRows) return multiply_by_dots(a, b, m, n, k, chunk, accumulate, acc);
  std::vector<float> columns;
  float total[kRows * kColumns] = {};
  for (std::int64_t n0 = 0; n0 < n; n0 += kColumns) {
    const std::int64_t width = std::min(kColumns, n - n0);
    pack_columns(b + n0 * k, width, k, columns);
    for (std::int64_t i = 0; i < m;) {
      const std::int64_t rows = m - i < kRows ? 1 : kRows;
      float* out = acc + i * n + n0;
      if (accumulate)
        for (std::int64_t r = 0; r < rows; ++r)
          std::copy_n(out + r * n, width, total + r * kColumns);
      (rows == kRows ? float_block4 : float_block1)(a + i * k, k, columns.data(), k, chunk,
                                                    accumulate, total);
      for (std::int64_t r = 0; r < rows; ++r) std::copy_n(total + r * kColumns, width, out + r * n);
      i += rows;
    }
  }
}

}  // namespace bitjoule
