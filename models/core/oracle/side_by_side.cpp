#include "core/oracle/side_by_side.h"

#include <cstring>

namespace bitjoule {
namespace {

/// The body of every form, with vectors of `Bytes`. Two of them at a time times four rows, with
/// what they are multiplied by, fit sixteen registers.
template <class T, int Rows, std::int64_t Bytes>
inline __attribute__((always_inline)) void block(const T* x, std::int64_t stride, const T* panel,
                                                 const std::vector<std::int64_t>& ends, T* sums) {
  typedef T Vector __attribute__((vector_size(Bytes)));
  constexpr std::int64_t kElements = Bytes / sizeof(T);
  constexpr std::int64_t kTogether = kSumLanes / kElements < 2 ? 1 : 2;
  std::int64_t begin = 0;
  for (const std::int64_t end : ends) {
    for (std::int64_t lane = 0; lane < kSumLanes; lane += kTogether * kElements) {
      Vector chains[kTogether][Rows] = {};
      for (std::int64_t i = begin; i < end; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < kTogether; ++v) {
          Vector factor;
          std::memcpy(&factor, panel + i * kSumLanes + lane + v * kElements, Bytes);
#pragma GCC unroll 4
          for (int r = 0; r < Rows; ++r) chains[v][r] += factor * x[r * stride + i];
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
void portable(const T* x, std::int64_t stride, const T* panel,
              const std::vector<std::int64_t>& ends, T* sums) {
  block<T, Rows, 16>(x, stride, panel, ends, sums);
}

#if defined(__x86_64__)
template <class T, int Rows>
__attribute__((target("avx2"))) void avx2(const T* x, std::int64_t stride, const T* panel,
                                          const std::vector<std::int64_t>& ends, T* sums) {
  block<T, Rows, 32>(x, stride, panel, ends, sums);
}
#endif

template <class T>
void choose(const T* x, std::int64_t stride, std::int64_t rows, const T* panel,
            const std::vector<std::int64_t>& ends, T* sums, Simd simd) {
  using Form = void (*)(const T*, std::int64_t, const T*, const std::vector<std::int64_t>&, T*);
  static_assert(kSumRows == 4, "a form for each number of rows");
  static constexpr Form kPortable[] = {portable<T, 1>, portable<T, 2>, portable<T, 3>,
                                       portable<T, 4>};
#if defined(__x86_64__)
  static constexpr Form kAvx2[] = {avx2<T, 1>, avx2<T, 2>, avx2<T, 3>, avx2<T, 4>};
  if (simd == Simd::kAvx2) return kAvx2[rows - 1](x, stride, panel, ends, sums);
#endif
  kPortable[rows - 1](x, stride, panel, ends, sums);
}

}  // namespace

void side_by_side(const double* x, std::int64_t stride, std::int64_t rows, const double* panel,
                  const std::vector<std::int64_t>& ends, double* sums, Simd simd) {
  choose(x, stride, rows, panel, ends, sums, simd);
}

void side_by_side(const float* x, std::int64_t stride, std::int64_t rows, const float* panel,
                  const std::vector<std::int64_t>& ends, float* sums, Simd simd) {
  choose(x, stride, rows, panel, ends, sums, simd);
}

}  // namespace bitjoule
