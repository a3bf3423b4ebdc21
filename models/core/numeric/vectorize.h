// Loops that the compiler turns into SIMD code, compiled twice: for the baseline and for AVX2,
// chosen when the program starts. Both give the same bits: no contraction, no reassociation.
#pragma once

// The sanitizers' run-time is not ready when clones are chosen; other compilers do without.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BITJOULE_VECTORIZE __attribute__((target_clones("avx2", "default")))
/// For loops that compute much of what they load: compiled a third time, for AVX-512.
#define BITJOULE_VECTORIZE_WIDELY __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BITJOULE_VECTORIZE
#define BITJOULE_VECTORIZE_WIDELY
#endif

/// For the bodies of such loops: they must become part of each clone.
#define BITJOULE_INLINE inline __attribute__((always_inline))

#include <cstdint>
#include <cstring>

namespace bitjoule {

/// The same bits, seen as the other type.
template <class To, class From>
BITJOULE_INLINE To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
BITJOULE_INLINE std::uint32_t bits_of(float value) { return same_bits<std::uint32_t>(value); }
BITJOULE_INLINE std::uint64_t bits_of(double value) { return same_bits<std::uint64_t>(value); }
BITJOULE_INLINE float float_of(std::uint32_t bits) { return same_bits<float>(bits); }
BITJOULE_INLINE double double_of(std::uint64_t bits) { return same_bits<double>(bits); }

/// condition ? a : b without a branch, which would keep a loop from being vectorised.
BITJOULE_INLINE std::uint32_t select(bool condition, std::uint32_t a, std::uint32_t b) {
  const std::uint32_t mask = 0u - static_cast<std::uint32_t>(condition);
  return (a & mask) | (b & ~mask);
}
BITJOULE_INLINE double select(bool condition, double a, double b) {
  const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(condition);
  return double_of((bits_of(a) & mask) | (bits_of(b) & ~mask));
}

}  // namespace bitjoule
