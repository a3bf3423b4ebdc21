#include "core/exec/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "core/interrupt.h"
#include "core/numeric/vectorize.h"
#include "core/recycled.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitjoule {
namespace {

constexpr std::int64_t kColumns = PackedRows::kColumns;  // results side by side in one pass
constexpr std::int64_t kMostRows = 8;                    // and below one another
// For fewer rows, arranging pairs of integers costs more than it saves.
constexpr std::int64_t kFewRows = 6;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// 0 of zeros alone.
BITJOULE_INLINE std::uint32_t bits_of_magnitude(float x) { return bits_of(x) << 1; }
BITJOULE_INLINE std::uint32_t bits_of_magnitude(std::int16_t x) {
  return static_cast<std::uint16_t>(x);
}

/// Elements up to about the last one of some rows that is not 0, in whole steps; at least one.
/// Products with the others change no sum: see multiply_floats().
template <class T>
BITJOULE_INLINE std::int64_t end_of_rows(RowView<T> a, std::int64_t rows, std::int64_t k) {
  constexpr std::int64_t kStep = 16;
  if (a.row(rows - 1)[k - 1] != 0) return k;
  for (std::int64_t end = k; end > kStep;) {
    const std::int64_t begin = end % kStep != 0 ? end - end % kStep : end - kStep;
    std::uint32_t any = 0;
    // The last row first: causal rows get longer.
    for (std::int64_t row = rows; row-- > 0 && any == 0;) {
      const T* x = a.row(row) + begin;
      if (end - begin == kStep)
        for (std::int64_t i = 0; i < kStep; ++i) any |= bits_of_magnitude(x[i]);
      else
        for (std::int64_t i = 0; i < end - begin; ++i) any |= bits_of_magnitude(x[i]);
    }
    if (any != 0) return end;
    end = begin;
  }
  return std::min(k, kStep);
}
BITJOULE_VECTORIZE std::int64_t filled(RowView<float> a, std::int64_t rows, std::int64_t k) {
  return end_of_rows(a, rows, k);
}
BITJOULE_VECTORIZE std::int64_t filled(RowView<std::int16_t> a, std::int64_t rows, std::int64_t k) {
  return end_of_rows(a, rows, k);
}

/// As std::copy_n of at most kColumns elements, which compilers make a slow instruction of: the
/// first and the last ones of about half of them, which may overlap.
template <class T>
BITJOULE_INLINE void copy_columns(const T* from, std::int64_t count, T* to) {
  static_assert(kColumns == 16, "of the powers of two below");
  const auto halves = [&](auto size) {
    std::array<T, decltype(size)::value> first, last;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + count - decltype(size)::value, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + count - decltype(size)::value, &last, sizeof last);
  };
  if (count >= 8) return halves(std::integral_constant<std::int64_t, 8>());
  if (count >= 4) return halves(std::integral_constant<std::int64_t, 4>());
  if (count >= 2) return halves(std::integral_constant<std::int64_t, 2>());
  if (count == 1) *to = *from;
}

/// One row of a against four rows of b.
BITJOULE_VECTORIZE void dot4(const std::int16_t* a, RowView<std::int16_t> b, std::int64_t k,
                             std::int32_t* sums) {
  const std::int16_t *b0 = b.row(0), *b1 = b.row(1), *b2 = b.row(2), *b3 = b.row(3);
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

void multiply_by_dots(RowView<std::int16_t> a, RowView<std::int16_t> b, std::int64_t m,
                      std::int64_t n, std::int64_t k, std::int32_t* sums) {
  // Blocks of b that stay in the first-level cache while all rows of a pass.
  const std::int64_t block = std::max<std::int64_t>(4, 8192 / std::max<std::int64_t>(1, k) / 4 * 4);
  for (std::int64_t n0 = 0; n0 < n; n0 += block)
    for (std::int64_t i = 0; i < m; ++i) {
      check_interrupt();
      std::int64_t j = n0;
      const std::int64_t end = std::min(n0 + block, n);
      for (; j + 4 <= end; j += 4) dot4(a.row(i), {b.row(j), b.stride}, k, sums + i * n + j);
      for (; j < end; ++j) sums[i * n + j] = dot(a.row(i), b.row(j), k);
    }
}

#if defined(__x86_64__)

/// Pairs of consecutive k of kColumns rows of b side by side; missing rows, and the partner of an
/// odd last element, are 0.
void pack_pairs(RowView<std::int16_t> b, std::int64_t n, std::int64_t k,
                std::vector<std::int16_t>& pairs) {
  pairs.assign(size((k + 1) / 2 * 2 * kColumns), 0);
  std::int16_t* out = pairs.data();
  for (std::int64_t i = 0; i + 1 < k; i += 2, out += 2 * kColumns)
    for (std::int64_t c = 0; c < n; ++c) std::memcpy(out + 2 * c, b.row(c) + i, 4);
  for (std::int64_t c = 0; k % 2 != 0 && c < n; ++c) out[2 * c] = b.row(c)[k - 1];
}

/// Elements i and i + 1 of rows, of which an odd last one has 0 as its partner.
template <int Rows>
class PairsOfRows {
 public:
  PairsOfRows(RowView<std::int16_t> a, std::int64_t k) : a_(a), k_(k) {
    for (int r = 0; k % 2 != 0 && r < Rows; ++r) last_[r][0] = a.row(r)[k - 1];
  }
  BITJOULE_INLINE std::int32_t at(int r, std::int64_t i) const {
    std::int32_t both;
    std::memcpy(&both, i + 1 < k_ ? a_.row(r) + i : last_[r], sizeof both);
    return both;
  }

 private:
  RowView<std::int16_t> a_;
  std::int64_t k_;
  std::int16_t last_[Rows][2] = {};
};

/// Rows of a against kColumns columns, the results `out_stride` apart.
using PairBlock = void (*)(RowView<std::int16_t> a, const std::int16_t* pairs, std::int64_t k,
                           std::int32_t* out, std::int64_t out_stride);

/// Each multiply-add takes eight columns and two of k.
template <int Rows>
__attribute__((target("avx2"))) void pair_block(RowView<std::int16_t> a, const std::int16_t* pairs,
                                                std::int64_t k, std::int32_t* out,
                                                std::int64_t out_stride) {
  const PairsOfRows<Rows> x(a, k);
  __m256i sums[Rows][2];
  for (auto& row : sums) row[0] = row[1] = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < k; i += 2, pairs += 2 * kColumns) {
    const __m256i b0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs));
    const __m256i b1 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs + kColumns));
    for (int r = 0; r < Rows; ++r) {
      const __m256i both = _mm256_set1_epi32(x.at(r, i));
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(both, b0));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(both, b1));
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int v = 0; v < 2; ++v)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + r * out_stride + 8 * v), sums[r][v]);
  _mm256_zeroupper();
}

/// All kColumns and two of k at once.
template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void dot_block(RowView<std::int16_t> a,
                                                                      const std::int16_t* pairs,
                                                                      std::int64_t k,
                                                                      std::int32_t* out,
                                                                      std::int64_t out_stride) {
  const PairsOfRows<Rows> x(a, k);
  __m512i sums[Rows];
  for (__m512i& row : sums) row = _mm512_setzero_si512();
  for (std::int64_t i = 0; i < k; i += 2, pairs += 2 * kColumns) {
    const __m512i b = _mm512_loadu_si512(pairs);
    for (int r = 0; r < Rows; ++r)
      sums[r] = _mm512_dpwssd_epi32(sums[r], _mm512_set1_epi32(x.at(r, i)), b);
  }
  for (int r = 0; r < Rows; ++r) _mm512_storeu_si512(out + r * out_stride, sums[r]);
  _mm256_zeroupper();
}

/// As many rows of a at once as there are blocks, one for each number of rows.
template <std::size_t N>
void multiply_by_pairs(const std::array<PairBlock, N>& blocks, RowView<std::int16_t> a,
                       RowView<std::int16_t> b, std::int64_t m, std::int64_t n, std::int64_t k,
                       std::int32_t* sums) {
  constexpr auto kAtOnce = static_cast<std::int64_t>(N);
  std::vector<std::int16_t> pairs;
  std::int32_t out[kAtOnce * kColumns];
  for (std::int64_t n0 = 0; n0 < n; n0 += kColumns) {
    const std::int64_t width = std::min(kColumns, n - n0);
    pack_pairs({b.row(n0), b.stride}, width, k, pairs);
    for (std::int64_t i = 0; i < m; i += kAtOnce) {
      check_interrupt();
      const std::int64_t rows = std::min(kAtOnce, m - i);
      const PairBlock block = blocks[size(rows - 1)];
      std::int32_t* to = sums + i * n + n0;
      const RowView<std::int16_t> x{a.row(i), a.stride};
      const std::int64_t end = filled(x, rows, k);
      if (width == kColumns) {
        block(x, pairs.data(), end, to, n);
        continue;
      }
      block(x, pairs.data(), end, out, kColumns);
      for (std::int64_t r = 0; r < rows; ++r) copy_columns(out + r * kColumns, width, to + r * n);
    }
  }
}

constexpr std::array<PairBlock, 4> kPairs = {pair_block<1>, pair_block<2>, pair_block<3>,
                                             pair_block<4>};
/// Eight chains of sums keep the multipliers busy.
constexpr std::array<PairBlock, 8> kDots = {dot_block<1>, dot_block<2>, dot_block<3>, dot_block<4>,
                                            dot_block<5>, dot_block<6>, dot_block<7>, dot_block<8>};

#endif

/// Count rows of a against kColumns columns, columns[k][kColumns]; rows of `total`, which are
/// `stride` apart, as acc of multiply_floats. With vectors of `Bytes`, of which the compiler makes
/// what the instruction set has: one or two of them at a time times the rows, with what they are
/// multiplied by, fit its registers.
template <int Count, std::int64_t Bytes>
BITJOULE_INLINE void float_block(RowView<float> a, const float* columns, std::int64_t k,
                                 std::int64_t chunk, bool accumulate, float* total,
                                 std::int64_t stride) {
  typedef float Lanes __attribute__((vector_size(Bytes)));
  constexpr std::int64_t kLanes = Bytes / sizeof(float);
  constexpr int kTogether = kColumns / kLanes < 2 ? 1 : 2;
  static_assert(kColumns % (kTogether * kLanes) == 0, "whole vectors");
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    const std::int64_t end = std::min(begin + chunk, k);
    const bool adds = begin > 0 || accumulate;
    for (std::int64_t c = 0; c < kColumns; c += kTogether * kLanes) {
      Lanes sums[kTogether][Count] = {};
      for (std::int64_t i = begin; i < end; ++i) {
#pragma GCC unroll 2
        for (int v = 0; v < kTogether; ++v) {
          Lanes factor;
          std::memcpy(&factor, columns + i * kColumns + c + v * kLanes, sizeof factor);
#pragma GCC unroll 8
          for (int r = 0; r < Count; ++r) sums[v][r] += factor * a.row(r)[i];
        }
      }
#pragma GCC unroll 2
      for (int v = 0; v < kTogether; ++v)
#pragma GCC unroll 8
        for (int r = 0; r < Count; ++r) {
          float* out = total + r * stride + c + v * kLanes;
          Lanes before;
          std::memcpy(&before, out, sizeof before);
          if (adds) sums[v][r] = before + sums[v][r];
          std::memcpy(out, &sums[v][r], sizeof before);
        }
    }
  }
}

template <int Count>
void float_block_portable(RowView<float> a, const float* columns, std::int64_t k,
                          std::int64_t chunk, bool accumulate, float* total, std::int64_t stride) {
  float_block<Count, 16>(a, columns, k, chunk, accumulate, total, stride);
}

#if defined(__x86_64__)
template <int Count>
__attribute__((target("avx2"))) void float_block_avx2(RowView<float> a, const float* columns,
                                                      std::int64_t k, std::int64_t chunk,
                                                      bool accumulate, float* total,
                                                      std::int64_t stride) {
  float_block<Count, 32>(a, columns, k, chunk, accumulate, total, stride);
  __builtin_ia32_vzeroupper();  // compilers add it from -O2 on; without it libm is slow
}

template <int Count>
__attribute__((target("avx512f"))) void float_block_avx512(RowView<float> a, const float* columns,
                                                           std::int64_t k, std::int64_t chunk,
                                                           bool accumulate, float* total,
                                                           std::int64_t stride) {
  float_block<Count, 64>(a, columns, k, chunk, accumulate, total, stride);
  __builtin_ia32_vzeroupper();
}
#endif

using FloatBlock = decltype(&float_block_portable<1>);

/// Kernels of a form, one for each number of rows up to `count`.
struct FloatBlocks {
  const FloatBlock* of_rows;
  std::int64_t count;
};

FloatBlocks float_blocks(Simd simd) {
  static constexpr FloatBlock kPortable[] = {float_block_portable<1>, float_block_portable<2>,
                                             float_block_portable<3>, float_block_portable<4>};
#if defined(__x86_64__)
  static constexpr FloatBlock kAvx2[] = {float_block_avx2<1>, float_block_avx2<2>,
                                         float_block_avx2<3>, float_block_avx2<4>};
  static constexpr FloatBlock kAvx512[] = {
      float_block_avx512<1>, float_block_avx512<2>, float_block_avx512<3>, float_block_avx512<4>,
      float_block_avx512<5>, float_block_avx512<6>, float_block_avx512<7>, float_block_avx512<8>};
  if (simd == Simd::kAvx512) return {kAvx512, 8};
  if (simd == Simd::kAvx2) return {kAvx2, 4};
#endif
  return {kPortable, 4};
}

/// One row of a against N rows of b without arranging them: N chains of additions.
template <int N>
void float_dots(const float* a, RowView<float> b, std::int64_t k, std::int64_t chunk,
                bool accumulate, float* acc) {
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    const std::int64_t end = std::min(begin + chunk, k);
    float sums[N] = {};
    for (std::int64_t i = begin; i < end; ++i)
      for (int j = 0; j < N; ++j) sums[j] += a[i] * b.row(j)[i];
    for (int j = 0; j < N; ++j) acc[j] = begin > 0 || accumulate ? acc[j] + sums[j] : sums[j];
  }
}

}  // namespace

void multiply_integers(RowView<std::int16_t> a, RowView<std::int16_t> b, std::int64_t m,
                       std::int64_t n, std::int64_t k, std::int32_t* sums, Simd simd) {
#if defined(__x86_64__)
  if (simd == Simd::kAvx512 && m >= kFewRows) return multiply_by_pairs(kDots, a, b, m, n, k, sums);
  if (simd == Simd::kAvx2 && m >= kFewRows) return multiply_by_pairs(kPairs, a, b, m, n, k, sums);
#endif
  multiply_by_dots(a, b, m, n, k, sums);
}

PackedRows::PackedRows(const float* rows, std::int64_t count, std::int64_t k) : k_(k) {
  data_ = recycled<float>(size((count + kColumns - 1) / kColumns * kColumns * k));
  for (std::int64_t row = 0; row < count; row += kColumns) {
    check_interrupt();
    const std::int64_t width = std::min(kColumns, count - row);
    float* to = data_.data() + row * k;
    if (width < kColumns) std::fill_n(to, kColumns * k, 0.0f);
    for (std::int64_t i = 0; i < k; ++i, to += kColumns)
      for (std::int64_t c = 0; c < width; ++c) to[c] = rows[(row + c) * k + i];
  }
  is_finite_ = std::all_of(data_.begin(), data_.end(), [](float x) { return std::isfinite(x); });
}

void multiply_floats(RowView<float> a, RowView<float> b, std::int64_t m, std::int64_t n,
                     std::int64_t k, std::int64_t chunk, bool accumulate, float* acc) {
  constexpr int kChains = 8;
  for (std::int64_t i = 0; i < m; ++i) {
    check_interrupt();
    std::int64_t j = 0;
    for (; j + kChains <= n; j += kChains)
      float_dots<kChains>(a.row(i), {b.row(j), b.stride}, k, chunk, accumulate, acc + i * n + j);
    for (; j < n; ++j)
      float_dots<1>(a.row(i), {b.row(j), b.stride}, k, chunk, accumulate, acc + i * n + j);
  }
}

void multiply_floats(RowView<float> a, const PackedRows& b, std::int64_t row, std::int64_t k0,
                     std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t chunk,
                     bool accumulate, float* acc, const LowerRows& wanted, Simd simd) {
  float total[kMostRows * kColumns] = {};
  const FloatBlocks blocks = float_blocks(simd);
  for (std::int64_t n0 = 0; n0 < n;) {
    const std::int64_t column = (row + n0) % kColumns;  // the first of the block's that is wanted
    const std::int64_t width = std::min(kColumns - column, n - n0);
    for (std::int64_t i = 0; i < m; i += blocks.count) {
      check_interrupt();
      const std::int64_t rows = std::min(blocks.count, m - i);
      if (wanted.leave_out(i, rows, n0)) continue;
      float* out = acc + i * n + n0;
      const FloatBlock block = blocks.of_rows[rows - 1];
      const RowView<float> x{a.row(i), a.stride};
      const std::int64_t end = b.is_finite() ? filled(x, rows, k) : k;
      if (width == kColumns) {
        block(x, b.block(row + n0, k0), end, chunk, accumulate, out, n);
        continue;
      }
      for (std::int64_t r = 0; accumulate && r < rows; ++r)
        copy_columns(out + r * n, width, total + r * kColumns + column);
      block(x, b.block(row + n0, k0), end, chunk, accumulate, total, kColumns);
      for (std::int64_t r = 0; r < rows; ++r)
        copy_columns(total + r * kColumns + column, width, out + r * n);
    }
    n0 += width;
  }
}

}  // namespace bitjoule
