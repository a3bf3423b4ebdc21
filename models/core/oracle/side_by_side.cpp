#include "core/oracle/side_by_side.h"

#include <algorithm>
#include <cstring>

namespace bitjoule {
namespace {

/// The body of every form, with vectors of `Bytes`. Two of them at a time times four rows, with
/// what they are multiplied by, fit sixteen registers.
template <class T, int Rows, std::int64_t Bytes>
inline __attribute__((always_inline)) void panel_block(const T* x, std::int64_t stride,
                                                       const T* panel,
                                                       const std::vector<std::int64_t>& ends,
                                                       T* sums) {
  typedef T Vector __attribute__((vector_size(Bytes)));
  constexpr std::int64_t kElements = Bytes / sizeof(T);
  constexpr std::int64_t kTogether = kSumLanes / kElements < 2 ? 1 : 2;
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    for (std::int64_t lane = 0; lane < kSumLanes; lane += kTogether * kElements) {
      Vector chains[kTogether][Rows] = {};
      for (std::int64_t i = begin; i < end; ++i) {
#pragma GCC unroll 2
        for (int v = 0; v < kTogether; ++v) {
          Vector factor;
          std::memcpy(&factor, panel + i * kSumLanes + lane + v * kElements, Bytes);
#pragma GCC unroll 4
          for (int r = 0; r < Rows; ++r) chains[v][r] += factor * x[r * stride + i];
        }
      }
#pragma GCC unroll 2
      for (int v = 0; v < kTogether; ++v)
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r)
          std::memcpy(sums + r * kSumLanes + lane + v * kElements, &chains[v][r], Bytes);
    }
    begin = end;
    sums += Rows * kSumLanes;
  }
}

template <class T, int Rows>
void panel_portable(const T* x, std::int64_t stride, const T* panel,
                    const std::vector<std::int64_t>& ends, T* sums) {
  panel_block<T, Rows, 16>(x, stride, panel, ends, sums);
}

#if defined(__x86_64__)
template <class T, int Rows>
__attribute__((target("avx2"))) void panel_avx2(const T* x, std::int64_t stride, const T* panel,
                                                const std::vector<std::int64_t>& ends, T* sums) {
  panel_block<T, Rows, 32>(x, stride, panel, ends, sums);
  __builtin_ia32_vzeroupper();  // compilers add it from -O2 on; without it libm is slow
}
#endif

template <class T>
void panel_sums(const T* x, std::int64_t stride, std::int64_t rows, const T* panel,
                const std::vector<std::int64_t>& ends, T* sums, Simd simd) {
  using Form = void (*)(const T*, std::int64_t, const T*, const std::vector<std::int64_t>&, T*);
  static_assert(kSumRows == 4, "a form for each number of rows");
  static constexpr Form kPortable[] = {panel_portable<T, 1>, panel_portable<T, 2>,
                                       panel_portable<T, 3>, panel_portable<T, 4>};
#if defined(__x86_64__)
  static constexpr Form kAvx2[] = {panel_avx2<T, 1>, panel_avx2<T, 2>, panel_avx2<T, 3>,
                                   panel_avx2<T, 4>};
  if (simd == Simd::kAvx2) return kAvx2[rows - 1](x, stride, panel, ends, sums);
#endif
  kPortable[rows - 1](x, stride, panel, ends, sums);
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
                  const std::vector<std::int64_t>& ends, double* sums, Simd simd) {
  panel_sums(x, stride, rows, panel, ends, sums, simd);
}

void side_by_side(const float* x, std::int64_t stride, std::int64_t rows, const float* panel,
                  const std::vector<std::int64_t>& ends, float* sums, Simd simd) {
  panel_sums(x, stride, rows, panel, ends, sums, simd);
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
  if (simd == Simd::kAvx2) return int_products_avx2(x, w, n, safe);
#endif
  return int_products(x, w, n, safe);
}

}  // namespace bitjoule
