// Which vector instructions the processor has, asked when the program runs.
#pragma once

namespace bitjoule {

/// The forms in which a kernel is written; all of them give the same bits.
enum class Simd { kPortable, kAvx2 };

inline Simd best_simd() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return Simd::kAvx2;
#endif
  return Simd::kPortable;
}

}  // namespace bitjoule
