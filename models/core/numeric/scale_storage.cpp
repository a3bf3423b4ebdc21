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

}  // namespace

void load_scales(ScaleFormat format, const std::uint8_t* bytes, std::int64_t n, float* scales) {
  if (format == ScaleFormat::kFloat16 || format == ScaleFormat::kBfloat16) {
    load_loop(constants(format), bytes, n, scales);
    return;
  }
  const int bits = format == ScaleFormat::kE8m0 ? 8 : 32;
  for (std::int64_t i = 0; i < n; ++i)
    scales[i] = decode_scale(format, get_bits(bytes, i * bits, bits));
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
  if (format == ScaleFormat::kE8m0) {
    // 2^-127 is subnormal.
    return stored == 255 ? std::numeric_limits<float>::quiet_NaN()
                         : float_of(stored == 0 ? 0x00400000 : stored << 23);
  }
  return format == ScaleFormat::kFloat32 ? float_of(stored) : decode_one(constants(format), stored);
}

float decode_two_level(bool inverse, float tensor_scale, std::uint32_t stored) {
  const float scale = decode_float(kFp8E4m3, stored);
  return inverse ? scale / tensor_scale : scale * tensor_scale;
}

float two_level_scales(bool inverse, float* largest, std::int64_t n, std::uint32_t* stored) {
  const float most = n > 0 ? *std::max_element(largest, largest + n) : 0.0f;
  const float whole = kFp4E2m1.max_value() * kFp8E4m3.max_value();
  float tensor_scale = most > 0 ? inverse ? whole / most : most / whole : 1;
  if (!(tensor_scale > 0) || !std::isfinite(tensor_scale)) tensor_scale = 1;
  constexpr std::uint32_t kOne = 0x38;
  for (std::int64_t i = 0; i < n; ++i) {
    const float scale = inverse ? largest[i] * tensor_scale / kFp4E2m1.max_value()
                                : largest[i] / (kFp4E2m1.max_value() * tensor_scale);
    stored[i] = encode_float(kFp8E4m3, std::isfinite(scale) ? scale : 0.0f);
    if (stored[i] == 0) stored[i] = kOne;
    largest[i] = decode_two_level(inverse, tensor_scale, stored[i]);
  }
  return tensor_scale;
}

std::uint32_t mx_shared_exponent(const Format& format, float abs_max) {
  if (abs_max == 0) return 0;
  // mxint8's largest value is 127/64: exponent 0.
  const int element = format.is_float_element() ? format.fp.max_exponent() : 0;
  return static_cast<std::uint32_t>(std::clamp(std::ilogb(abs_max) - element + 127, 0, 254));
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
