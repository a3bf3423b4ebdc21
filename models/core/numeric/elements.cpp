#include "core/numeric/elements.h"

#include <algorithm>

#include "core/numeric/float_formats.h"
#include "core/numeric/nf4.h"
#include "core/numeric/scale_storage.h"

namespace bitjoule {
namespace {

// Scales of MX are powers of two: dividing by one is exact. Those of nvfp4 are not.
void encode_mx_floats(const FloatSpec& fp, float scale, const float* x, std::int64_t n,
                      std::uint16_t* codes) {
  constexpr std::int64_t kChunk = 256;
  float scaled[kChunk];
  for (std::int64_t start = 0; start < n; start += kChunk) {
    const std::int64_t m = std::min(kChunk, n - start);
    for (std::int64_t i = 0; i < m; ++i) scaled[i] = x[start + i] / scale;
    encode_floats(fp, scaled, m, codes + start);
  }
}

}  // namespace

GroupParameters group_parameters(const StorageLayout& layout, const GroupStatistics& s) {
  switch (layout.format->cls) {
    case FormatClass::kInteger:
      return affine_parameters(layout, s);
    case FormatClass::kScaledFloat: {
      const float scale = s.abs_max > 0 ? s.abs_max / layout.format->fp.max_value() : 1.0f;
      return {decode_scale(layout.scale_format, encode_scale(layout.scale_format, scale)), 0, 0};
    }
    case FormatClass::kCodebook:
      if (layout.scale_format == ScaleFormat::kDynamic8) return {s.abs_max, 0, 0};
      return {decode_scale(layout.scale_format, encode_scale(layout.scale_format, s.abs_max)), 0,
              0};
    case FormatClass::kBlock:
      if (layout.scale_format == ScaleFormat::kTwoLevel) return {s.abs_max, 0, 0};
      return {decode_scale(ScaleFormat::kE8m0, mx_shared_exponent(*layout.format, s.abs_max)), 0,
              0};
    default:
      return {};
  }
}

float code_unit(const StorageLayout& layout) {
  const Format& f = *layout.format;
  const bool mxint8 = f.cls == FormatClass::kBlock && !f.is_interleaved() && !f.is_float_element();
  return mxint8 ? 1.0f / 64 : 1.0f;
}

void encode_elements(const StorageLayout& layout, GroupParameters p, const float* x, std::int64_t n,
                     std::uint16_t* codes) {
  const Format& f = *layout.format;
  if (f.cls == FormatClass::kFloat) {
    encode_floats(f.fp, x, n, codes);
  } else if (f.cls == FormatClass::kInteger) {
    encode_affine(layout, p, x, n, codes);
  } else if (f.cls == FormatClass::kCodebook) {
    encode_codebook(codebook_of(f.name), p.scale, x, n, codes);
  } else if (f.is_float_element()) {
    encode_mx_floats(f.fp, p.scale, x, n, codes);
  } else {
    encode_affine(layout, {p.scale * code_unit(layout), 0, 0}, x, n, codes);
  }
}

void decode_elements(const StorageLayout& layout, GroupParameters p, const std::uint16_t* codes,
                     std::int64_t n, float* values) {
  const Format& f = *layout.format;
  if (f.cls == FormatClass::kInteger) {
    decode_affine(layout, p, codes, n, values);
  } else if (f.cls == FormatClass::kCodebook) {
    decode_codebook(codebook_of(f.name), p.scale, codes, n, values);
  } else if (f.is_float_element()) {
    decode_floats(f.fp, codes, n, values);
    if (f.cls != FormatClass::kFloat) {
      for (std::int64_t i = 0; i < n; ++i) values[i] *= p.scale;
    }
  } else {
    decode_affine(layout, {p.scale * code_unit(layout), 0, 0}, codes, n, values);
  }
}

}  // namespace bitjoule
