#include "core/numeric/statistics.h"

#include <algorithm>
#include <cmath>

#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr std::int32_t kInfinity = 0x7f800000;

// Maxima are taken over integers that order like the floats: the compiler may vectorise those.
BITJOULE_VECTORIZE std::int32_t abs_max_bits(const float* x, std::int64_t n) {
  std::int32_t largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t magnitude = static_cast<std::int32_t>(bits_of(x[i]) & 0x7fffffff);
    magnitude = magnitude >= kInfinity ? 0 : magnitude;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

// Largest positive magnitude and largest negative magnitude.
BITJOULE_VECTORIZE void signed_max_bits(const float* x, std::int64_t n, std::int32_t* positive,
                                        std::int32_t* negative) {
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
  *positive = up;
  *negative = down;
}

}  // namespace

float abs_max(const float* x, std::int64_t n) {
  return float_of(static_cast<std::uint32_t>(abs_max_bits(x, n)));
}

void min_max(const float* x, std::int64_t n, float& min, float& max) {
  std::int32_t positive, negative;
  signed_max_bits(x, n, &positive, &negative);
  max = float_of(static_cast<std::uint32_t>(positive));
  min = negative == 0 ? 0.0f : -float_of(static_cast<std::uint32_t>(negative));
}

void GroupStatistics::add(const StorageLayout& layout, const float* x, std::int64_t n) {
  const Format& f = *layout.format;
  if (f.mean_scale) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(x[i])) continue;
      abs_sum += std::abs(static_cast<double>(x[i]));
      ++finite;
    }
  } else if (f.cls == FormatClass::kInteger && (!layout.symmetric || !f.is_signed)) {
    float low, high;
    min_max(x, n, low, high);
    min = std::min(min, low);
    max = std::max(max, high);
  } else {
    abs_max = std::max(abs_max, bitjoule::abs_max(x, n));
  }
}

}  // namespace bitjoule
