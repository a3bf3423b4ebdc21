#include "core/numeric/statistics.h"

#include <algorithm>
#include <cmath>

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr std::int32_t kInfinity = 0x7f800000;

// Maxima are taken over integers that order like the floats: the compiler may vectorise those.
BITJOULE_INLINE std::int32_t largest_bits(const float* x, std::int64_t n) {
  std::int32_t largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t magnitude = static_cast<std::int32_t>(bits_of(x[i]) & 0x7fffffff);
    magnitude = magnitude >= kInfinity ? 0 : magnitude;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

// Largest positive magnitude and largest negative magnitude.
struct SignedBits {
  std::int32_t positive = 0, negative = 0;
};
BITJOULE_INLINE SignedBits signed_bits(const float* x, std::int64_t n) {
  std::int32_t up = 0, down = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(x[i]);
    std::int32_t magnitude = static_cast<std::int32_t>(bits & 0x7fffffff);
    magnitude = magnitude >= kInfinity ? 0 : magnitude;
    const std::int32_t sign = static_cast<std::int32_t>(bits) >> 31;  // 0 or -1
    const std::int32_t plus = magnitude & ~sign, minus = magnitude & sign;
    up = plus > up ? plus : up;
    down = minus > down ? minus : down;
  }
  return {up, down};
}

BITJOULE_INLINE float value_of(std::int32_t bits) {
  return float_of(static_cast<std::uint32_t>(bits));
}
// The smallest value where the largest negative magnitude is this.
BITJOULE_INLINE float least_of(std::int32_t negative) {
  return negative == 0 ? 0.0f : -value_of(negative);
}

BITJOULE_VECTORIZE void abs_max_loop(const float* x, std::int64_t n, std::int64_t group,
                                     float* largest) {
  for (std::int64_t start = 0; start < n; start += group)
    *largest++ = value_of(largest_bits(x + start, n - start < group ? n - start : group));
}

BITJOULE_VECTORIZE void min_max_loop(const float* x, std::int64_t n, std::int64_t group, float* min,
                                     float* max) {
  for (std::int64_t start = 0; start < n; start += group) {
    const SignedBits bits = signed_bits(x + start, n - start < group ? n - start : group);
    *max++ = value_of(bits.positive);
    *min++ = least_of(bits.negative);
  }
}

}  // namespace

float abs_max(const float* x, std::int64_t n) {
  float largest = 0;
  abs_max_loop(x, n, n, &largest);
  return largest;
}

void min_max(const float* x, std::int64_t n, float& min, float& max) {
  min = max = 0;
  min_max_loop(x, n, n, &min, &max);
}

void abs_max_of_groups(const float* x, std::int64_t n, std::int64_t group, float* largest) {
  abs_max_loop(x, n, group, largest);
}

void min_max_of_groups(const float* x, std::int64_t n, std::int64_t group, float* min, float* max) {
  min_max_loop(x, n, group, min, max);
}

bool needs_min_max(const StorageLayout& layout) {
  const Format& f = *layout.format;
  return f.cls == FormatClass::kInteger && !f.mean_scale && (!layout.symmetric || !f.is_signed);
}

void GroupStatistics::add(const StorageLayout& layout, const float* x, std::int64_t n) {
  const Format& f = *layout.format;
  if (f.mean_scale) {
    // Zeros add nothing: causal rows end with many, and each sum waits for the one before.
    constexpr std::int64_t kTogether = 64;
    for (std::int64_t first = 0; first < n; first += kTogether) {
      const std::int64_t end = std::min(first + kTogether, n);
      std::uint32_t any = 0;
      for (std::int64_t i = first; i < end; ++i) any |= bits_of(x[i]) << 1;
      if (any == 0) finite += end - first;
      for (std::int64_t i = first; any != 0 && i < end; ++i) {
        if (!std::isfinite(x[i])) continue;
        abs_sum += std::abs(static_cast<double>(x[i]));
        ++finite;
      }
    }
  } else if (needs_min_max(layout)) {
    float low, high;
    min_max(x, n, low, high);
    min = std::min(min, low);
    max = std::max(max, high);
  } else {
    abs_max = std::max(abs_max, bitjoule::abs_max(x, n));
  }
}

}  // namespace bitjoule
