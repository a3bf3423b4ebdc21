// Which vector instructions the processor has, asked when the program runs.
#pragma once

namespace bitjoule {

/// The forms in which a kernel is written; all of them give the same bits. Few have the third: most
/// have nothing to gain from it.
enum class Simd { kPortable, kAvx2, kAvx512 };

inline Simd best_simd() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return Simd::kAvx2;
#endif
  return Simd::kPortable;
}

/// For kernels that have all forms.
inline Simd widest_simd() {
#if defined(__x86_64__)
  static const bool has_avx512 = __builtin_cpu_supports("avx512f") != 0;
  if (has_avx512) return Simd::kAvx512;
#endif
  return best_simd();
}

/// For sums of products of integers: the third form has AVX-512's dot products.
inline Simd integer_simd() {
#if defined(__x86_64__)
  static const bool has_dots =
      __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
  if (has_dots) return Simd::kAvx512;
#endif
  return best_simd();
}

}  // namespace bitjoule
