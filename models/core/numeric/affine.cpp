#include "core/numeric/affine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/numeric/scale_storage.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

/// round_half_even(t), NaN as 0, in lo..hi (at most 2^22).
BITJOULE_INLINE std::int32_t rounded_code(float t, float lo, float hi) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, half to even
  t = t == t ? t : 0.0f;
  t = t < lo ? lo : t;
  t = t > hi ? hi : t;
  return static_cast<std::int32_t>(bits_of(t + kRound)) - static_cast<std::int32_t>(0x4b400000);
}

BITJOULE_VECTORIZE void encode_loop(const float* x, std::int64_t n, float scale, float lo, float hi,
                                    std::int32_t zero, std::uint16_t* codes) {
  for (std::int64_t i = 0; i < n; ++i)
    codes[i] = static_cast<std::uint16_t>(rounded_code(x[i] / scale, lo, hi) + zero);
}

// Over groups in one call: of short ones the calls would take longer than the elements.
BITJOULE_VECTORIZE void encode_groups_loop(const float* x, std::int64_t n, std::int64_t group,
                                           const GroupParameters* parameters, float unit,
                                           std::int32_t min_code, std::int32_t max_code,
                                           std::uint16_t* codes) {
  for (std::int64_t start = 0; start < n; start += group, ++parameters) {
    const std::int64_t end = n - start < group ? n : start + group;
    const std::int32_t zero = parameters->zero_point;
    const float scale = parameters->scale * unit;
    const auto lo = static_cast<float>(min_code - zero), hi = static_cast<float>(max_code - zero);
    for (std::int64_t i = start; i < end; ++i)
      codes[i] = static_cast<std::uint16_t>(rounded_code(x[i] / scale, lo, hi) + zero);
  }
}

BITJOULE_VECTORIZE void multiply_loop(const float* x, std::int64_t n, float inverse, float lo,
                                      float hi, std::uint16_t* codes) {
  for (std::int64_t i = 0; i < n; ++i)
    codes[i] = static_cast<std::uint16_t>(rounded_code(x[i] * inverse, lo, hi));
}

BITJOULE_VECTORIZE void multiply_groups_loop(const float* x, std::int64_t n, std::int64_t group,
                                             const GroupParameters* parameters, float lo, float hi,
                                             std::uint16_t* codes) {
  for (std::int64_t start = 0; start < n; start += group, ++parameters) {
    const std::int64_t end = n - start < group ? n : start + group;
    const float inverse = 1.0f / parameters->scale;
    for (std::int64_t i = start; i < end; ++i)
      codes[i] = static_cast<std::uint16_t>(rounded_code(x[i] * inverse, lo, hi));
  }
}

BITJOULE_VECTORIZE void decode_loop(const std::uint16_t* codes, std::int64_t n,
                                    std::int32_t sign_bit, std::int32_t offset, float scale,
                                    float* values) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t q = (codes[i] ^ sign_bit) - offset;
    values[i] = scale * static_cast<float>(q);
  }
}

BITJOULE_VECTORIZE void decode_groups_loop(const std::uint16_t* codes, std::int64_t n,
                                           std::int64_t skipped, std::int64_t group,
                                           const GroupParameters* parameters, float unit,
                                           std::int32_t sign_bit, float* values) {
  for (std::int64_t start = 0, end = group - skipped; start < n; start = end, end += group) {
    end = end < n ? end : n;
    const std::int32_t offset = sign_bit + parameters->zero_point;
    const float scale = parameters->scale * unit;
    ++parameters;
    for (std::int64_t i = start; i < end; ++i)
      values[i] = scale * static_cast<float>((codes[i] ^ sign_bit) - offset);
  }
}

BITJOULE_VECTORIZE void sign_extend_loop(const std::uint16_t* codes, std::int64_t n,
                                         std::int32_t sign_bit, std::int16_t* integers) {
  for (std::int64_t i = 0; i < n; ++i) {
    integers[i] = static_cast<std::int16_t>((codes[i] ^ sign_bit) - sign_bit);
  }
}

std::int32_t sign_bit(const StorageLayout& layout) {
  return layout.format->is_signed ? 1 << (layout.format->bits - 1) : 0;
}

/// The scale before it is rounded to its storage; positive but for the mean of zeros.
float wanted_scale(const StorageLayout& layout, const GroupStatistics& s) {
  const Format& f = *layout.format;
  if (f.mean_scale) {
    // Zeros must stay zeros in binary, which has no code for them.
    return static_cast<float>(s.finite == 0 ? 0 : s.abs_sum / static_cast<double>(s.finite));
  }
  float scale;
  if (layout.symmetric) {
    const float largest = f.is_signed ? s.abs_max : s.max;
    const auto max_code = static_cast<float>(f.max_code);
    if (largest == 0) return 1.0f;
    scale = layout.dynamic ? largest * (1.0f / max_code) : largest / max_code;
  } else {
    // max - min may exceed the range of fp32 although both are finite.
    const float range = std::min(std::max(s.max - s.min, 1e-5f), std::numeric_limits<float>::max());
    scale = range / static_cast<float>(f.max_code - f.min_code);
  }
  return std::max(scale, std::numeric_limits<float>::denorm_min());
}

std::int32_t zero_point(const Format& f, const GroupStatistics& s, float scale) {
  return f.min_code -
         rounded_code(s.min / scale, static_cast<float>(f.min_code - f.max_code), 0.0f);
}

float rounded_offset(const StorageLayout& layout, float offset) {
  return decode_offset(layout, encode_offset(layout, offset));
}

int least_code(const StorageLayout& layout) {
  const Format& f = *layout.format;
  return layout.symmetric && f.is_signed ? -f.max_code : f.min_code;
}

}  // namespace

void affine_parameters(const StorageLayout& layout, const GroupStatistics* groups, std::int64_t n,
                       GroupParameters* parameters, std::uint32_t* stored) {
  constexpr std::int64_t kChunk = 256;
  float wanted[kChunk], rounded[kChunk];
  for (std::int64_t start = 0; start < n; start += kChunk) {
    const std::int64_t m = std::min(kChunk, n - start);
    for (std::int64_t i = 0; i < m; ++i) wanted[i] = wanted_scale(layout, groups[start + i]);
    store_scales(layout.scale_format, wanted, m, stored + start, rounded);
    for (std::int64_t i = 0; i < m; ++i) {
      GroupParameters& p = parameters[start + i];
      p.scale = rounded[i];
      if (layout.symmetric) continue;
      if (layout.mins.present())
        p.offset = rounded_offset(layout, groups[start + i].min);
      else
        p.zero_point = zero_point(*layout.format, groups[start + i], p.scale);
    }
  }
}

GroupParameters affine_parameters(const StorageLayout& layout, const GroupStatistics& statistics) {
  GroupParameters parameters;
  std::uint32_t stored;
  affine_parameters(layout, &statistics, 1, &parameters, &stored);
  return parameters;
}

void encode_affine(const StorageLayout& layout, GroupParameters p, const float* x, std::int64_t n,
                   std::uint16_t* codes) {
  const Format& f = *layout.format;
  if (f.bits == 1) {
    for (std::int64_t i = 0; i < n; ++i) codes[i] = x[i] < 0 ? 0 : 1;
    return;
  }
  const int min_code = least_code(layout);
  if (layout.dynamic) {
    multiply_loop(x, n, 1.0f / p.scale, static_cast<float>(min_code),
                  static_cast<float>(f.max_code), codes);
    return;
  }
  if (layout.mins.present()) {
    for (std::int64_t i = 0; i < n; ++i)
      codes[i] = static_cast<std::uint16_t>(
          f.min_code + rounded_code((x[i] - p.offset) / p.scale, 0.0f,
                                    static_cast<float>(f.max_code - f.min_code)));
    return;
  }
  encode_loop(x, n, p.scale, static_cast<float>(min_code - p.zero_point),
              static_cast<float>(f.max_code - p.zero_point), p.zero_point, codes);
}

float code_unit(const StorageLayout& layout) {
  const Format& f = *layout.format;
  const bool mxint8 = f.cls == FormatClass::kBlock && !f.is_interleaved() &&
                      !f.is_float_element() && !f.progressive;
  return mxint8 ? 1.0f / 64 : 1.0f;
}

void encode_affine_groups(const StorageLayout& layout, const GroupParameters* parameters,
                          const float* x, std::int64_t n, std::int64_t group,
                          std::uint16_t* codes) {
  const int least = least_code(layout), most = layout.format->max_code;
  if (layout.dynamic)
    multiply_groups_loop(x, n, group, parameters, static_cast<float>(least),
                         static_cast<float>(most), codes);
  else
    encode_groups_loop(x, n, group, parameters, code_unit(layout), least, most, codes);
}

void decode_affine(const StorageLayout& layout, GroupParameters p, const std::uint16_t* codes,
                   std::int64_t n, float* values) {
  if (layout.format->bits == 1) {
    for (std::int64_t i = 0; i < n; ++i) values[i] = codes[i] != 0 ? p.scale : -p.scale;
    return;
  }
  const std::int32_t sign = sign_bit(layout);
  decode_loop(codes, n, sign, sign + p.zero_point, p.scale, values);
  if (layout.mins.present())
    for (std::int64_t i = 0; i < n; ++i) values[i] += p.offset;
}

void decode_affine_groups(const StorageLayout& layout, const GroupParameters* parameters,
                          const std::uint16_t* codes, std::int64_t n, std::int64_t skipped,
                          std::int64_t group, float* values) {
  decode_groups_loop(codes, n, skipped, group, parameters, code_unit(layout), sign_bit(layout),
                     values);
}

void sign_extend(const StorageLayout& layout, const std::uint16_t* codes, std::int64_t n,
                 std::int16_t* integers) {
  if (layout.format->bits == 1) {
    for (std::int64_t i = 0; i < n; ++i) integers[i] = codes[i] != 0 ? 1 : -1;
    return;
  }
  sign_extend_loop(codes, n, sign_bit(layout), integers);
}

}  // namespace bitjoule
