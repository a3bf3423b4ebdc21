// Affine integers: value = scale * (code - zero_point). How scales and zero-points are chosen, and
// the loops over elements.
#pragma once

#include <cstdint>

#include "core/numeric/statistics.h"

namespace bitjoule {

/// Scale and zero-point of one group.
struct GroupParameters {
  float scale = 1;
  std::int32_t zero_point = 0;
  float offset = 0;  ///< in the place of a zero-point: value = scale * code + offset
};

/// Symmetric: abs_max / max_code (for unsigned codes max / max_code). Asymmetric, as AWQ and GPTQ:
/// scale = max(max - min, 1e-5) / (2^bits - 1), zero_point = clamp(min_code - round(min / scale)).
/// With an offset: that is min, rounded to its storage. Ternary and binary: mean |x|. Dynamic:
/// abs_max * (1 / max_code), as the vector unit multiplies. The scale is rounded to its storage
/// first (e8m0: up), so encoding and decoding use the same one.
GroupParameters affine_parameters(const StorageLayout& layout, const GroupStatistics& statistics);
/// Of n groups, with the scales as they are stored.
void affine_parameters(const StorageLayout& layout, const GroupStatistics* groups, std::int64_t n,
                       GroupParameters* parameters, std::uint32_t* stored);

/// codes = clamp(round_half_even(x / scale) + zero_point), clamped to -max_code.. where symmetric
/// (TFLite's narrow range); NaN counts as 0. Dynamic: x * (1 / scale). The low `bits` of a code are
/// what is stored.
void encode_affine(const StorageLayout& layout, GroupParameters parameters, const float* x,
                   std::int64_t n, std::uint16_t* codes);

/// What a code of 1 stands for beside the scale: 2^-6 for mxint8 (OCP MX), else 1.
float code_unit(const StorageLayout& layout);

/// The same for consecutive groups of `group` elements, the last of which may be shorter; not for
/// binary and offsets. Of mxint8, whose scales stand for codes of 64, the same way.
void encode_affine_groups(const StorageLayout& layout, const GroupParameters* parameters,
                          const float* x, std::int64_t n, std::int64_t group, std::uint16_t* codes);

/// scale * (code - zero_point), one rounding.
void decode_affine(const StorageLayout& layout, GroupParameters parameters,
                   const std::uint16_t* codes, std::int64_t n, float* values);

/// The same for consecutive groups, from behind `skipped` elements of the first; not for binary and
/// offsets.
void decode_affine_groups(const StorageLayout& layout, const GroupParameters* parameters,
                          const std::uint16_t* codes, std::int64_t n, std::int64_t skipped,
                          std::int64_t group, float* values);

/// Stored codes sign-extended.
void sign_extend(const StorageLayout& layout, const std::uint16_t* codes, std::int64_t n,
                 std::int16_t* integers);

}  // namespace bitjoule
