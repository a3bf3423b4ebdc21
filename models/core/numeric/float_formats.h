// Small binary floats, all by one rule: sign, exponent (bias 2^(e-1) - 1 unless stated), mantissa,
// subnormals. Encoding rounds once from fp32, to nearest, ties to even.
#pragma once

#include <cstdint>

namespace bitjoule {

/// What the codes above the largest finite value mean.
enum class FloatSpecials {
  kIeee,          ///< infinity and NaNs; overflow gives infinity (fp16, bf16, tf32)
  kIeeeSaturate,  ///< infinity and NaNs exist; overflow and infinity give the maximum (fp8_e5m2)
  kNanOnly,       ///< all ones is NaN, no infinity; overflow saturates (fp8_e4m3 "FN")
  kNone,          ///< every code is finite; overflow saturates, NaN becomes +0 (fp6, fp4)
};

/// A float of 1 + exponent_bits + mantissa_bits bits; exponent_bits 0 means "not a float". Sources
/// of the rows: IEEE 754 (fp16), OCP OFP8 and OCP MX (fp8, fp6, fp4; ONNX docs
/// float8.md/float4.md).
struct FloatSpec {
  int exponent_bits = 0;
  int mantissa_bits = 0;
  FloatSpecials specials = FloatSpecials::kIeee;

  constexpr int bits() const { return 1 + exponent_bits + mantissa_bits; }
  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  /// Code of the largest finite magnitude (without sign).
  constexpr std::uint32_t max_code() const {
    const std::uint32_t all_ones = (1u << (exponent_bits + mantissa_bits)) - 1;
    if (specials == FloatSpecials::kNone) return all_ones;
    return all_ones - (specials == FloatSpecials::kNanOnly ? 1 : 1u << mantissa_bits);
  }
  /// Exponent of the largest finite magnitude: 2 for fp4_e2m1 (6 = 1.5 * 2^2).
  constexpr int max_exponent() const {
    return static_cast<int>(max_code() >> mantissa_bits) - bias();
  }
  float max_value() const;
  /// Whether every finite value of `narrow` is one of these.
  bool holds(const FloatSpec& narrow) const;
  /// Bits of a two's complement integer that holds every finite value, in units of the smallest.
  int fixed_point_bits() const;
};

inline constexpr FloatSpec kFp32{8, 23, FloatSpecials::kIeee};
inline constexpr FloatSpec kTf32{8, 10, FloatSpecials::kIeee};
inline constexpr FloatSpec kBf16{8, 7, FloatSpecials::kIeee};
inline constexpr FloatSpec kFp16{5, 10, FloatSpecials::kIeee};
inline constexpr FloatSpec kFp8E4m3{4, 3, FloatSpecials::kNanOnly};
inline constexpr FloatSpec kFp8E5m2{5, 2, FloatSpecials::kIeeeSaturate};
inline constexpr FloatSpec kFp6E3m2{3, 2, FloatSpecials::kNone};
inline constexpr FloatSpec kFp6E2m3{2, 3, FloatSpecials::kNone};
inline constexpr FloatSpec kFp4E2m1{2, 1, FloatSpecials::kNone};

/// Codes of `n` values, right-aligned, for formats of at most 16 bits.
void encode_floats(const FloatSpec& spec, const float* values, std::int64_t n,
                   std::uint16_t* codes);
/// Exact values of `n` codes; bits above the format's width must be zero.
void decode_floats(const FloatSpec& spec, const std::uint16_t* codes, std::int64_t n,
                   float* values);

/// One value at a time; fp32 passes through.
std::uint32_t encode_float(const FloatSpec& spec, float value);
float decode_float(const FloatSpec& spec, std::uint32_t code);
/// The nearest value of the format, as fp32: what a register of that format would hold.
float round_to(const FloatSpec& spec, float value);
void round_to(const FloatSpec& spec, const float* values, std::int64_t n, float* rounded);

}  // namespace bitjoule
