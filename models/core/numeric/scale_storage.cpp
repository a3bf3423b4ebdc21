#include "core/numeric/scale_storage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/numeric/float_codec.h"
#include "core/numeric/pack.h"

namespace bitjoule {
namespace {

// Worked out once: small groups make scales as busy as elements.
constexpr FloatConstants kBf16Constants{kBf16};

const FloatConstants& constants(ScaleFormat format) {
  return format == ScaleFormat::kFloat16 ? kFp16Constants : kBf16Constants;
}

BITJOULE_VECTORIZE void store_loop(const FloatConstants& constants, const float* scales,
                                   std::int64_t n, std::uint32_t* stored, float* rounded) {
  const FloatConstants c = constants;
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t code = encode_one(c, scales[i]);
    code = select(code == 0, scales[i] > 0 ? 1 : 0, code);
    code = select(code > c.max_code, c.max_code, code);
    stored[i] = code;
    rounded[i] = decode_one(c, code);
  }
}

BITJOULE_VECTORIZE void load_loop(const FloatConstants& constants, const std::uint8_t* bytes,
                                  std::int64_t n, float* scales) {
  const FloatConstants c = constants;
  for (std::int64_t i = 0; i < n; ++i)
    scales[i] = decode_one(c, bytes[2 * i] | (std::uint32_t{bytes[2 * i + 1]} << 8));
}

constexpr FloatConstants kE4m3Constants{kFp8E4m3};
constexpr std::uint32_t kLeastE8m0 = 0x00400000;  // 2^-127, which is subnormal

/// The value of an E8M0 code.
BITJOULE_INLINE float power_of(std::uint32_t stored) {
  const std::uint32_t normal = select(stored == 0, kLeastE8m0, stored << 23);
  return float_of(select(stored == 255, kNanBits, normal));
}

/// The exponent of an element's largest value; mxint8's is 127/64.
std::int32_t element_exponent(const Format& format) {
  return format.is_float_element() ? format.fp.max_exponent() : 0;
}

BITJOULE_VECTORIZE void load_powers(const std::uint8_t* bytes, std::int64_t n, float* scales) {
  for (std::int64_t i = 0; i < n; ++i) scales[i] = power_of(bytes[i]);
}

// The exponent of a positive float stands above its mantissa; those of subnormal ones are below
// whatever an element has.
BITJOULE_VECTORIZE void mx_loop(const float* largest, std::int64_t n, std::int32_t element,
                                std::uint32_t* stored, float* scales) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t exponent = static_cast<std::int32_t>(bits_of(largest[i]) >> 23) - element;
    stored[i] = static_cast<std::uint32_t>(exponent < 0 ? 0 : exponent);
    scales[i] = power_of(stored[i]);
  }
}

BITJOULE_VECTORIZE void load_e4m3(const std::uint8_t* stored, std::int64_t n, float* scales) {
  const FloatConstants c = kE4m3Constants;
  for (std::int64_t i = 0; i < n; ++i) scales[i] = decode_one(c, stored[i]);
}

// A division under a condition would keep the loop from being vectorised.
BITJOULE_VECTORIZE void by_tensor_scale(bool inverse, float tensor_scale, std::int64_t n,
                                        float* scales) {
  if (inverse)
    for (std::int64_t i = 0; i < n; ++i) scales[i] /= tensor_scale;
  else
    for (std::int64_t i = 0; i < n; ++i) scales[i] *= tensor_scale;
}

/// E4M3 codes of largest * factor / divisor, and what they stand for.
BITJOULE_VECTORIZE void e4m3_loop(float factor, float divisor, std::int64_t n, float* largest,
                                  std::uint32_t* stored) {
  constexpr std::uint32_t kOne = 0x38;
  const FloatConstants c = kE4m3Constants;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t bits = bits_of(largest[i] * factor / divisor);
    const bool is_finite = (bits & kInfinityBits) != kInfinityBits;
    const std::uint32_t code = encode_one(c, float_of(select(is_finite, bits, 0)));
    stored[i] = select(code == 0, kOne, code);
    largest[i] = decode_one(c, stored[i]);
  }
}

BITJOULE_VECTORIZE float largest_of(const float* x, std::int64_t n) {
  std::int32_t largest = 0;  // positive floats order as their bits
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = static_cast<std::int32_t>(bits_of(x[i]));
    largest = bits > largest ? bits : largest;
  }
  return float_of(static_cast<std::uint32_t>(largest));
}

}  // namespace

void mx_scales(const Format& format, const float* abs_max, std::int64_t n, std::uint32_t* stored,
               float* scales) {
  mx_loop(abs_max, n, element_exponent(format), stored, scales);
}

void load_two_level(bool inverse, float tensor_scale, const std::uint8_t* stored, std::int64_t n,
                    float* scales) {
  load_e4m3(stored, n, scales);
  by_tensor_scale(inverse, tensor_scale, n, scales);
}

void load_scales(ScaleFormat format, const std::uint8_t* bytes, std::int64_t n, float* scales) {
  if (format == ScaleFormat::kFloat16 || format == ScaleFormat::kBfloat16) {
    load_loop(constants(format), bytes, n, scales);
    return;
  }
  if (format == ScaleFormat::kE8m0) return load_powers(bytes, n, scales);
  if (n > 0) std::memcpy(scales, bytes, static_cast<std::size_t>(4 * n));
}

void store_scales(ScaleFormat format, const float* scales, std::int64_t n, std::uint32_t* stored,
                  float* rounded) {
  if (format == ScaleFormat::kFloat16 || format == ScaleFormat::kBfloat16) {
    store_loop(constants(format), scales, n, stored, rounded);
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    stored[i] = encode_scale(format, scales[i]);
    rounded[i] = decode_scale(format, stored[i]);
  }
}

std::uint32_t encode_scale(ScaleFormat format, float scale) {
  if (format == ScaleFormat::kE8m0) {
    if (scale == 0) return 0;
    // Up to the next power of two, so that nothing saturates: 2^(code - 127).
    int exponent;
    const float mantissa = std::frexp(scale, &exponent);  // scale = mantissa * 2^exponent
    const int up = mantissa == 0.5f ? exponent - 1 : exponent;
    return static_cast<std::uint32_t>(std::clamp(up + 127, 0, 254));
  }
  const bool is_fp32 = format == ScaleFormat::kFloat32;
  const std::uint32_t code = is_fp32 ? bits_of(scale) : encode_one(constants(format), scale);
  if (scale > 0 && code == 0) return 1;
  return std::min(code, is_fp32 ? kFp32.max_code() : constants(format).max_code);
}

float decode_scale(ScaleFormat format, std::uint32_t stored) {
  if (format == ScaleFormat::kE8m0) return power_of(stored);
  return format == ScaleFormat::kFloat32 ? float_of(stored) : decode_one(constants(format), stored);
}

float decode_two_level(bool inverse, float tensor_scale, std::uint32_t stored) {
  const auto byte = static_cast<std::uint8_t>(stored);
  float scale = 0;
  load_two_level(inverse, tensor_scale, &byte, 1, &scale);
  return scale;
}

float two_level_scales(bool inverse, float* largest, std::int64_t n, std::uint32_t* stored) {
  const float most = largest_of(largest, n);
  const float whole = kFp4E2m1.max_value() * kFp8E4m3.max_value();
  float tensor_scale = most > 0 ? inverse ? whole / most : most / whole : 1;
  if (!(tensor_scale > 0) || !std::isfinite(tensor_scale)) tensor_scale = 1;
  const float element = kFp4E2m1.max_value();
  if (inverse)
    e4m3_loop(tensor_scale, element, n, largest, stored);
  else
    e4m3_loop(1.0f, element * tensor_scale, n, largest, stored);
  by_tensor_scale(inverse, tensor_scale, n, largest);
  return tensor_scale;
}

std::uint32_t mx_shared_exponent(const Format& format, float abs_max) {
  std::uint32_t stored = 0;
  float scale = 0;
  mx_scales(format, &abs_max, 1, &stored, &scale);
  return stored;
}

namespace {
const FloatSpec& offset_spec(const StorageLayout& layout) {
  return layout.min_format == ScaleFormat::kFloat16    ? kFp16
         : layout.min_format == ScaleFormat::kBfloat16 ? kBf16
                                                       : kFp32;
}
}  // namespace

std::uint32_t encode_offset(const StorageLayout& layout, float offset) {
  const FloatSpec& spec = offset_spec(layout);
  const float most = spec.max_value();
  return encode_float(spec, std::clamp(offset, -most, most));
}

float decode_offset(const StorageLayout& layout, std::uint32_t stored) {
  return decode_float(offset_spec(layout), stored);
}

std::uint32_t encode_zero_point(const StorageLayout& layout, std::int32_t zero_point) {
  const ZeroPointFormat& z = layout.zero_format;
  if (z.packing != ZeroPacking::kNone) {
    const int less = z.packing == ZeroPacking::kGptq ? 1 : 0;
    const auto shifted = static_cast<std::uint32_t>(zero_point - layout.format->min_code - less);
    return shifted & ((1u << z.bits) - 1);
  }
  if (z.fp.exponent_bits != 0) return encode_float(z.fp, static_cast<float>(zero_point));
  return static_cast<std::uint32_t>(zero_point) &
         static_cast<std::uint32_t>((std::uint64_t{1} << z.bits) - 1);
}

std::int32_t decode_zero_point(const StorageLayout& layout, std::uint32_t stored) {
  const ZeroPointFormat& z = layout.zero_format;
  if (z.packing != ZeroPacking::kNone) {
    const std::uint32_t less = z.packing == ZeroPacking::kGptq ? 1 : 0;
    const std::uint32_t shifted = (stored + less) & ((1u << z.bits) - 1);
    return static_cast<std::int32_t>(shifted) + layout.format->min_code;
  }
  if (z.fp.exponent_bits != 0) {
    // A file may hold anything; only integers in the stated range are zero-points.
    const float value = decode_float(z.fp, stored);
    const auto lo = static_cast<float>(z.lo), hi = static_cast<float>(z.hi);
    return value >= lo && value <= hi ? static_cast<std::int32_t>(std::nearbyint(value)) : 0;
  }
  const bool negative = z.lo < 0 && ((stored >> (z.bits - 1)) & 1) != 0;
  return static_cast<std::int32_t>(static_cast<std::int64_t>(stored) -
                                   (negative ? std::int64_t{1} << z.bits : std::int64_t{0}));
}

}  // namespace bitjoule
