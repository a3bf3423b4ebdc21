#include "core/numeric/elements.h"

#include <algorithm>

#include "core/numeric/float_formats.h"
#include "core/numeric/nf4.h"
#include "core/numeric/scale_storage.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

// Scales of MX are powers of two: dividing by one is exact. Those of nvfp4 are not.
BITJOULE_VECTORIZE void divide_groups(const float* x, std::int64_t n, std::int64_t group,
                                      const GroupParameters* parameters, float* scaled) {
  for (std::int64_t start = 0; start < n; start += group, ++parameters) {
    const std::int64_t end = n - start < group ? n : start + group;
    const float scale = parameters->scale;
    for (std::int64_t i = start; i < end; ++i) scaled[i] = x[i] / scale;
  }
}

BITJOULE_VECTORIZE void multiply_groups(const GroupParameters* parameters, std::int64_t n,
                                        std::int64_t skipped, std::int64_t group, float* values) {
  for (std::int64_t start = 0, end = group - skipped; start < n; start = end, end += group) {
    end = end < n ? end : n;
    const float scale = parameters->scale;
    ++parameters;
    for (std::int64_t i = start; i < end; ++i) values[i] *= scale;
  }
}

}  // namespace

void decode_float_groups(const StorageLayout& layout, const GroupParameters* parameters,
                         const std::uint16_t* codes, std::int64_t n, std::int64_t skipped,
                         std::int64_t group, float* values) {
  decode_floats(layout.format->fp, codes, n, values);
  multiply_groups(parameters, n, skipped, group, values);
}

void encode_float_groups(const StorageLayout& layout, const GroupParameters* parameters,
                         const float* x, std::int64_t n, std::int64_t group, std::uint16_t* codes) {
  constexpr std::int64_t kMost = 512;
  float scaled[kMost];
  const std::int64_t step = group < kMost ? kMost / group * group : kMost;
  for (std::int64_t start = 0; start < n; start += step) {
    const std::int64_t count = std::min(step, n - start);
    divide_groups(x + start, count, std::min(group, step), parameters + start / group, scaled);
    encode_floats(layout.format->fp, scaled, count, codes + start);
  }
}

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
    encode_float_groups(layout, &p, x, n, std::max<std::int64_t>(1, n), codes);
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
