#include "core/oracle/side_by_side.h"

#include <algorithm>
#include <cstring>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// The body of every form, with vectors of `Bytes`: one or two of them at a time times some rows.
/// Rows of sums are `row_stride` apart; what belongs to a part begins `sums_stride` after the part
/// before.
template <class T, int Rows, std::int64_t Bytes>
inline __attribute__((always_inline)) void panel_block(const T* x, std::int64_t stride,
                                                       const T* panel,
                                                       const std::vector<std::int64_t>& ends,
                                                       T* sums, std::int64_t row_stride,
                                                       std::int64_t sums_stride) {
  typedef T Vector __attribute__((vector_size(Bytes)));
  constexpr std::int64_t kVectorElements = Bytes / sizeof(T);
  constexpr std::int64_t kTogether = kSumLanes / kVectorElements < 2 ? 1 : 2;
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    for (std::int64_t lane = 0; lane < kSumLanes; lane += kTogether * kVectorElements) {
      Vector chains[Rows][kTogether] = {};
      for (std::int64_t i = begin; i < end; ++i) {
        Vector factors[kTogether];
#pragma GCC unroll 2
        for (int v = 0; v < kTogether; ++v)
          std::memcpy(&factors[v], panel + i * kSumLanes + lane + v * kVectorElements, Bytes);
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
          for (int v = 0; v < kTogether; ++v) chains[r][v] += factors[v] * x[r * stride + i];
      }
#pragma GCC unroll 12
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < kTogether; ++v)
          std::memcpy(sums + r * row_stride + lane + v * kVectorElements, &chains[r][v], Bytes);
    }
    begin = end;
    sums += sums_stride;
  }
}

template <class T>
using Form = void (*)(const T*, std::int64_t, const T*, const std::vector<std::int64_t>&, T*,
                      std::int64_t, std::int64_t);

template <class T, int Rows>
void panel_portable(const T* x, std::int64_t stride, const T* panel,
                    const std::vector<std::int64_t>& ends, T* sums, std::int64_t row_stride,
                    std::int64_t sums_stride) {
  panel_block<T, Rows, 16>(x, stride, panel, ends, sums, row_stride, sums_stride);
}

#if defined(__x86_64__)
template <class T, int Rows>
__attribute__((target("avx2"))) void panel_avx2(const T* x, std::int64_t stride, const T* panel,
                                                const std::vector<std::int64_t>& ends, T* sums,
                                                std::int64_t row_stride, std::int64_t sums_stride) {
  panel_block<T, Rows, 32>(x, stride, panel, ends, sums, row_stride, sums_stride);
  __builtin_ia32_vzeroupper();  // compilers add it from -O2 on; without it libm is slow
}

/// The eight lanes of a panel are one vector of doubles.
template <int Rows>
__attribute__((target("avx512f"))) void panel_avx512(const double* x, std::int64_t stride,
                                                     const double* panel,
                                                     const std::vector<std::int64_t>& ends,
                                                     double* sums, std::int64_t row_stride,
                                                     std::int64_t sums_stride) {
  panel_block<double, Rows, 64>(x, stride, panel, ends, sums, row_stride, sums_stride);
  __builtin_ia32_vzeroupper();
}
#endif

/// As many rows at once as there are forms, one for each number of rows.
template <class T, std::size_t N>
void in_blocks(const std::array<Form<T>, N>& forms, const T* x, std::int64_t stride,
               std::int64_t rows, const T* panel, const std::vector<std::int64_t>& ends, T* sums,
               std::int64_t row_stride) {
  constexpr auto kAtOnce = static_cast<std::int64_t>(N);
  for (std::int64_t row = 0; row < rows; row += kAtOnce) {
    const auto form = static_cast<std::size_t>(std::min(kAtOnce, rows - row) - 1);
    forms[form](x + row * stride, stride, panel, ends, sums + row * row_stride, row_stride,
                rows * row_stride);
  }
}

/// Six rows of two vectors, with what they are multiplied by, fit sixteen registers.
template <class T>
void panel_sums(const T* x, std::int64_t stride, std::int64_t rows, const T* panel,
                const std::vector<std::int64_t>& ends, T* sums, std::int64_t row_stride,
                Simd simd) {
  static constexpr std::array<Form<T>, 6> kPortable = {panel_portable<T, 1>, panel_portable<T, 2>,
                                                       panel_portable<T, 3>, panel_portable<T, 4>,
                                                       panel_portable<T, 5>, panel_portable<T, 6>};
#if defined(__x86_64__)
  static constexpr std::array<Form<T>, 6> kAvx2 = {panel_avx2<T, 1>, panel_avx2<T, 2>,
                                                   panel_avx2<T, 3>, panel_avx2<T, 4>,
                                                   panel_avx2<T, 5>, panel_avx2<T, 6>};
  if (simd != Simd::kPortable)
    return in_blocks(kAvx2, x, stride, rows, panel, ends, sums, row_stride);
#endif
  in_blocks(kPortable, x, stride, rows, panel, ends, sums, row_stride);
}

#if defined(__x86_64__)
/// Twelve chains keep the adders busy; there are thirty-two registers.
constexpr std::array<Form<double>, kSumRows> kAvx512 = {
    panel_avx512<1>, panel_avx512<2>,  panel_avx512<3>,  panel_avx512<4>,
    panel_avx512<5>, panel_avx512<6>,  panel_avx512<7>,  panel_avx512<8>,
    panel_avx512<9>, panel_avx512<10>, panel_avx512<11>, panel_avx512<12>};
#endif

constexpr std::int64_t kFilledBlock =
    64;  // elements of k, of which a panel fits the first-level cache
// One product in so many has to be spared.
constexpr std::int64_t kWorthwhileZeros = 4;

/// Of each row's blocks along k, which elements are not 0.
class FilledElements {
 public:
  FilledElements(const double* x, std::int64_t rows, std::int64_t k)
      : k_(k), blocks_((k + kFilledBlock - 1) / kFilledBlock), places_(at(rows * k)) {
    counts_.reserve(at(rows * blocks_));
    for (std::int64_t row = 0; row < rows; ++row) {
      check_interrupt_after(k);
      for (std::int64_t begin = 0; begin < k; begin += kFilledBlock) {
        const double* from = x + row * k + begin;
        std::uint8_t* to = &places_[at(row * k + begin)];
        const std::int64_t n = std::min(kFilledBlock, k - begin);
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          to[count] = static_cast<std::uint8_t>(i);
          count += from[i] != 0 ? 1 : 0;
        }
        counts_.push_back(static_cast<std::uint8_t>(count));
      }
    }
  }
  const std::uint8_t* places(std::int64_t row, std::int64_t begin) const {
    return &places_[at(row * k_ + begin)];
  }
  std::int64_t count(std::int64_t row, std::int64_t begin) const {
    return counts_[at(row * blocks_ + begin / kFilledBlock)];
  }

 private:
  std::int64_t k_, blocks_;
  std::vector<std::uint8_t> places_, counts_;
};

/// sums[lane] += x[i] * panel[i][lane] for `count` elements i in their order; where it `begins`,
/// sums are 0 before. With vectors of `Bytes`: eight of them are as many chains of additions.
template <std::int64_t Bytes>
BITJOULE_INLINE void add_filled(const double* x, const std::uint8_t* places, std::int64_t count,
                                const double* panel, bool begins, double* sums) {
  typedef double Vector __attribute__((vector_size(Bytes)));
  constexpr std::int64_t kElements = Bytes / sizeof(double), kChains = 8;
  static_assert(kFilledLanes % (kChains * kElements) == 0, "whole chains");
  for (std::int64_t lane = 0; lane < kFilledLanes; lane += kChains * kElements) {
    Vector chains[kChains] = {};
    if (!begins) std::memcpy(chains, sums + lane, sizeof chains);
    for (std::int64_t c = 0; c < count; ++c) {
      const double factor = x[places[c]];
      const double* row = panel + places[c] * kFilledLanes + lane;
#pragma GCC unroll 8
      for (std::int64_t v = 0; v < kChains; ++v) {
        Vector weights;
        std::memcpy(&weights, row + v * kElements, Bytes);
        chains[v] += weights * factor;
      }
    }
    std::memcpy(sums + lane, chains, sizeof chains);
  }
}

void filled_portable(const double* x, const std::uint8_t* places, std::int64_t count,
                     const double* panel, bool begins, double* sums) {
  add_filled<16>(x, places, count, panel, begins, sums);
}
using FilledForm = decltype(&filled_portable);

#if defined(__x86_64__)
__attribute__((target("avx2"))) void filled_avx2(const double* x, const std::uint8_t* places,
                                                 std::int64_t count, const double* panel,
                                                 bool begins, double* sums) {
  add_filled<32>(x, places, count, panel, begins, sums);
  __builtin_ia32_vzeroupper();  // compilers add it from -O2 on; without it libm is slow
}
__attribute__((target("avx512f"))) void filled_avx512(const double* x, const std::uint8_t* places,
                                                      std::int64_t count, const double* panel,
                                                      bool begins, double* sums) {
  add_filled<64>(x, places, count, panel, begins, sums);
  __builtin_ia32_vzeroupper();
}
#endif

FilledForm filled_form(Simd simd) {
#if defined(__x86_64__)
  if (simd == Simd::kAvx512) return filled_avx512;
  if (simd == Simd::kAvx2) return filled_avx2;
#endif
  static_cast<void>(simd);
  return filled_portable;
}

BITJOULE_VECTORIZE std::int64_t count_zeros(const double* x, std::int64_t n) {
  std::int64_t zeros = 0;
  for (std::int64_t i = 0; i < n; ++i) zeros += x[i] == 0 ? 1 : 0;
  return zeros;
}

template <class X, class W>
void chains_of_pairs(const std::array<const X*, kSumLanes>& x,
                     const std::array<const W*, kSumLanes>& w,
                     const std::vector<std::int64_t>& ends, X* sums) {
  std::int64_t i = 0;
  for (const std::int64_t end : ends) {
    X chains[kSumLanes] = {};
    for (; i < end; ++i)
#pragma GCC unroll 8
      for (std::size_t p = 0; p < kSumLanes; ++p) chains[p] += x[p][i] * static_cast<X>(w[p][i]);
    sums = std::copy_n(chains, kSumLanes, sums);
  }
}

constexpr std::int64_t kWorthwhileParts = 64;  // sums of fewer products are no faster in int32

/// Integers may be added in any order.
inline __attribute__((always_inline)) std::int64_t int_products(const std::int16_t* x,
                                                                const std::int16_t* w,
                                                                std::int64_t n, std::int64_t safe) {
  std::int64_t sum = 0;
  if (safe < kWorthwhileParts) {
    for (std::int64_t i = 0; i < n; ++i) sum += x[i] * w[i];
    return sum;
  }
  for (std::int64_t begin = 0; begin < n; begin += safe) {
    const std::int64_t end = std::min(begin + safe, n);
    std::int32_t part = 0;
    for (std::int64_t i = begin; i < end; ++i) part += x[i] * w[i];
    sum += part;
  }
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) std::int64_t int_products_avx2(const std::int16_t* x,
                                                               const std::int16_t* w,
                                                               std::int64_t n, std::int64_t safe) {
  return int_products(x, w, n, safe);
}
#endif

}  // namespace

void side_by_side(const double* x, std::int64_t stride, std::int64_t rows, const double* panel,
                  const std::vector<std::int64_t>& ends, double* sums, std::int64_t row_stride,
                  Simd simd) {
#if defined(__x86_64__)
  if (simd == Simd::kAvx512)
    return in_blocks(kAvx512, x, stride, rows, panel, ends, sums, row_stride);
#endif
  panel_sums(x, stride, rows, panel, ends, sums, row_stride, simd);
}

void side_by_side(const float* x, std::int64_t stride, std::int64_t rows, const float* panel,
                  const std::vector<std::int64_t>& ends, float* sums, std::int64_t row_stride,
                  Simd simd) {
  panel_sums(x, stride, rows, panel, ends, sums, row_stride, simd);
}

void sum_pairs(const std::array<const double*, kSumLanes>& x,
               const std::array<const float*, kSumLanes>& w, const std::vector<std::int64_t>& ends,
               double* sums) {
  chains_of_pairs(x, w, ends, sums);
}

void sum_pairs(const std::array<const float*, kSumLanes>& x,
               const std::array<const float*, kSumLanes>& w, const std::vector<std::int64_t>& ends,
               float* sums) {
  chains_of_pairs(x, w, ends, sums);
}

std::int64_t sum_products(const std::int16_t* x, const std::int16_t* w, std::int64_t n,
                          std::int64_t safe, Simd simd) {
#if defined(__x86_64__)
  if (simd != Simd::kPortable) return int_products_avx2(x, w, n, safe);
#endif
  return int_products(x, w, n, safe);
}

bool has_many_zeros(const double* x, std::int64_t n) {
  return count_zeros(x, n) > n / kWorthwhileZeros;
}

void filled_sums(const double* x, std::int64_t rows, const float* w, std::int64_t n, std::int64_t k,
                 double* y, std::int64_t y_stride, Simd simd) {
  const FilledForm add = filled_form(simd);
  const FilledElements filled(x, rows, k);
  std::vector<double> panel(at(kFilledBlock * kFilledLanes));
  for (std::int64_t n0 = 0; n0 + kFilledLanes <= n; n0 += kFilledLanes)
    for (std::int64_t begin = 0; begin < k; begin += kFilledBlock) {
      const std::int64_t end = std::min(begin + kFilledBlock, k);
      for (std::int64_t lane = 0; lane < kFilledLanes; ++lane)
        for (std::int64_t i = begin; i < end; ++i)
          panel[at((i - begin) * kFilledLanes + lane)] =
              static_cast<double>(w[(n0 + lane) * k + i]);
      for (std::int64_t row = 0; row < rows; ++row) {
        check_interrupt_after(kFilledLanes);
        add(x + row * k + begin, filled.places(row, begin), filled.count(row, begin), panel.data(),
            begin == 0, y + row * y_stride + n0);
      }
    }
}

}  // namespace bitjoule
