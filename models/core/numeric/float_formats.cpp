#include "core/numeric/float_formats.h"

#include <cmath>

#include "core/numeric/float_codec.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// Codes of 16 bits are made of, and become, 32 apart: a loop with both has no vectors of 512 bits.
constexpr std::int64_t kTogether = 64;

BITJOULE_VECTORIZE_WIDELY void encode_loop(const FloatConstants& constants, const float* values,
                                           std::int64_t n, std::uint16_t* codes) {
  const FloatConstants c = constants;
  std::uint32_t wide[kTogether];
  std::int64_t start = 0;
  for (; start + kTogether <= n; start += kTogether) {
    for (std::int64_t i = 0; i < kTogether; ++i) wide[i] = encode_one(c, values[start + i]);
    for (std::int64_t i = 0; i < kTogether; ++i)
      codes[start + i] = static_cast<std::uint16_t>(wide[i]);
  }
  for (std::int64_t i = start; i < n; ++i)
    codes[i] = static_cast<std::uint16_t>(encode_one(c, values[i]));
}

BITJOULE_VECTORIZE_WIDELY void decode_loop(const FloatConstants& constants,
                                           const std::uint16_t* codes, std::int64_t n,
                                           float* values) {
  const FloatConstants c = constants;
  std::uint32_t wide[kTogether];
  std::int64_t start = 0;
  for (; start + kTogether <= n; start += kTogether) {
    for (std::int64_t i = 0; i < kTogether; ++i) wide[i] = codes[start + i];
    for (std::int64_t i = 0; i < kTogether; ++i) values[start + i] = decode_one(c, wide[i]);
  }
  for (std::int64_t i = start; i < n; ++i) values[i] = decode_one(c, codes[i]);
}

BITJOULE_VECTORIZE_WIDELY void round_loop(const FloatConstants& constants, const float* values,
                                          std::int64_t n, float* rounded) {
  const FloatConstants c = constants;
  for (std::int64_t i = 0; i < n; ++i) rounded[i] = round_one(c, values[i]);
}

bool is_fp32(const FloatSpec& spec) { return spec.mantissa_bits == 23; }

}  // namespace

float FloatSpec::max_value() const { return decode_float(*this, max_code()); }

bool FloatSpec::holds(const FloatSpec& narrow) const {
  const auto least = [](const FloatSpec& f) { return 1 - f.bias() - f.mantissa_bits; };
  return mantissa_bits >= narrow.mantissa_bits && least(*this) <= least(narrow) &&
         max_value() >= narrow.max_value();
}

int FloatSpec::fixed_point_bits() const {
  const double units = std::ldexp(double{max_value()}, bias() + mantissa_bits - 1);
  return 2 + std::ilogb(units);  // a sign, and units is no power of two less than 2^(ilogb + 1)
}

void encode_floats(const FloatSpec& spec, const float* values, std::int64_t n,
                   std::uint16_t* codes) {
  encode_loop(FloatConstants(spec), values, n, codes);
}

void decode_floats(const FloatSpec& spec, const std::uint16_t* codes, std::int64_t n,
                   float* values) {
  decode_loop(FloatConstants(spec), codes, n, values);
}

std::uint32_t encode_float(const FloatSpec& spec, float value) {
  return is_fp32(spec) ? bits_of(value) : encode_one(FloatConstants(spec), value);
}

float decode_float(const FloatSpec& spec, std::uint32_t code) {
  return is_fp32(spec) ? float_of(code) : decode_one(FloatConstants(spec), code);
}

float round_to(const FloatSpec& spec, float value) {
  return decode_float(spec, encode_float(spec, value));
}

void round_to(const FloatSpec& spec, const float* values, std::int64_t n, float* rounded) {
  if (is_fp32(spec)) {
    if (rounded != values && n > 0) {
      std::memmove(rounded, values, static_cast<std::size_t>(n) * sizeof(float));
    }
    return;
  }
  round_loop(FloatConstants(spec), values, n, rounded);
}

}  // namespace bitjoule
