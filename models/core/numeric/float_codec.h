// One element of a small float, for loops. Use float_formats.h elsewhere.
#pragma once

#include <cstdint>

#include "core/numeric/float_formats.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {

inline constexpr std::uint32_t kInfinityBits = 0x7f800000;
inline constexpr std::uint32_t kNanBits = 0x7fc00000;

/// Everything encode_one and decode_one need of a format; their bodies have no branches, so that
/// loops over them vectorise.
struct FloatConstants {
  constexpr explicit FloatConstants(const FloatSpec& spec) {
    const int m = spec.mantissa_bits;
    shift = 23 - m;
    half_minus_one = shift == 0 ? 0 : (1u << (shift - 1)) - 1;
    odd_mask = shift == 0 ? 0 : 1;
    rebias = static_cast<std::uint32_t>(127 - spec.bias()) << m;
    sign_shift = static_cast<std::uint32_t>(spec.bits() - 1);
    magnitude_mask = (1u << sign_shift) - 1;
    max_code = spec.max_code();
    const bool has_infinity =
        spec.specials == FloatSpecials::kIeee || spec.specials == FloatSpecials::kIeeeSaturate;
    infinity_code = has_infinity ? max_code + 1 : ~0u;
    overflow_code = spec.specials == FloatSpecials::kIeee ? infinity_code : max_code;
    // The quiet NaN: highest mantissa bit set where infinity has none set, else all ones.
    if (has_infinity) nan_code = infinity_code | (1u << (m - 1));
    if (spec.specials == FloatSpecials::kNanOnly) nan_code = magnitude_mask;
    // An fp32 whose last place weighs as much as the format's smallest subnormal.
    const int min_exponent = 1 - spec.bias();
    min_normal = static_cast<std::uint32_t>(min_exponent + 127) << 23;
    const int magic_exponent = min_exponent - m + 23;
    magic = static_cast<std::uint32_t>(magic_exponent + 127) << 23;
    nan_sign = nan_code == 0 ? 0 : 1;
    rebias_decoded = static_cast<std::uint32_t>(127 - spec.bias()) << 23;
    min_normal_code = 1u << m;
    max_bits = (max_code << shift) + rebias_decoded;
    overflow_bits = overflow_code == max_code ? max_bits : kInfinityBits;
    nan_bits = nan_code == 0 ? 0 : kNanBits;
    // The smallest subnormal, 2^(min_exponent - m): itself subnormal in fp32 where the biases
    // agree.
    const int quantum_exponent = min_exponent - m;
    quantum = quantum_exponent >= -126 ? static_cast<std::uint32_t>(quantum_exponent + 127) << 23
                                       : 1u << (quantum_exponent + 149);
  }

  int shift = 0;
  std::uint32_t half_minus_one = 0, odd_mask = 0, rebias = 0, sign_shift = 0, magnitude_mask = 0;
  std::uint32_t max_code = 0, infinity_code = 0, overflow_code = 0, nan_code = 0;
  std::uint32_t min_normal = 0, magic = 0, nan_sign = 0;
  std::uint32_t rebias_decoded = 0, min_normal_code = 0, quantum = 0;
  std::uint32_t max_bits = 0, overflow_bits = 0, nan_bits = 0;  ///< of values that codes have
};

BITJOULE_INLINE std::uint32_t encode_one(const FloatConstants& c, float value) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  // Normal results: drop mantissa bits, rounding half to even; a carry moves into the exponent.
  const std::uint32_t normal =
      ((magnitude + c.half_minus_one + ((magnitude >> c.shift) & c.odd_mask)) >> c.shift) -
      c.rebias;
  // Subnormal results: the adder of the host rounds at the right place.
  const std::uint32_t subnormal = bits_of(float_of(magnitude) + float_of(c.magic)) - c.magic;
  std::uint32_t code = select(magnitude < c.min_normal, subnormal, normal);
  code = select(code > c.max_code, c.overflow_code, code);
  code = select(magnitude > kInfinityBits, c.nan_code, code);
  // NaN becomes +0 where the format has none.
  const std::uint32_t sign = (bits >> 31) & select(magnitude > kInfinityBits, c.nan_sign, 1);
  return code | (sign << c.sign_shift);
}

BITJOULE_INLINE float decode_one(const FloatConstants& c, std::uint32_t code) {
  const std::uint32_t magnitude = code & c.magnitude_mask;
  const std::uint32_t normal = (magnitude << c.shift) + c.rebias_decoded;
  const std::uint32_t subnormal =
      bits_of(static_cast<float>(static_cast<std::int32_t>(magnitude)) * float_of(c.quantum));
  std::uint32_t bits = select(magnitude < c.min_normal_code, subnormal, normal);
  bits = select(magnitude > c.max_code, kNanBits, bits);
  bits = select(magnitude == c.infinity_code, kInfinityBits, bits);
  return float_of(bits | ((code >> c.sign_shift) << 31));
}

/// decode_one(encode_one(value)) without the code.
BITJOULE_INLINE float round_one(const FloatConstants& c, float value) {
  const std::uint32_t magnitude = bits_of(value) & 0x7fffffff;
  const std::uint32_t normal =
      (magnitude + c.half_minus_one + ((magnitude >> c.shift) & c.odd_mask)) >> c.shift << c.shift;
  const std::uint32_t subnormal =
      bits_of((float_of(magnitude) + float_of(c.magic)) - float_of(c.magic));
  std::uint32_t bits = select(magnitude < c.min_normal, subnormal, normal);
  bits = select(bits > c.max_bits, c.overflow_bits, bits);
  bits = select(magnitude > kInfinityBits, c.nan_bits, bits);
  const std::uint32_t sign =
      (bits_of(value) >> 31) & select(magnitude > kInfinityBits, c.nan_sign, 1);
  return float_of(bits | (sign << 31));
}

inline constexpr FloatConstants kFp16Constants{kFp16};
BITJOULE_INLINE float decode_fp16(std::uint16_t code) { return decode_one(kFp16Constants, code); }
/// Saturating at the largest finite value, as scales are stored here.
BITJOULE_INLINE std::uint16_t encode_fp16_scale(float value) {
  const std::uint32_t code = encode_one(kFp16Constants, value);
  const bool overflow = (code & 0x7fff) > kFp16Constants.max_code;
  return static_cast<std::uint16_t>(overflow ? (code & 0x8000) | kFp16Constants.max_code : code);
}

}  // namespace bitjoule
