// The elements of planar formats, whatever their kind: affine integers, floats, MX elements,
// codebooks.
#pragma once

#include <cstdint>

#include "core/numeric/affine.h"

namespace bitjoule {

/// Scale and zero-point for a group, as storage will return them (nf4_dq: before the scale itself
/// is quantized).
GroupParameters group_parameters(const StorageLayout& layout, const GroupStatistics& statistics);

/// Codes of elements that share `parameters`; formats of at most 16 bits.
void encode_elements(const StorageLayout& layout, GroupParameters parameters, const float* x,
                     std::int64_t n, std::uint16_t* codes);

/// The same of groups of `group` elements of an MX or scaled float format, one after the other.
void encode_float_groups(const StorageLayout& layout, const GroupParameters* parameters,
                         const float* x, std::int64_t n, std::int64_t group, std::uint16_t* codes);

/// The values of codes of such groups, `skipped` elements of the first being left out.
void decode_float_groups(const StorageLayout& layout, const GroupParameters* parameters,
                         const std::uint16_t* codes, std::int64_t n, std::int64_t skipped,
                         std::int64_t group, float* values);

/// The values of codes that encode_elements() has made.
void decode_elements(const StorageLayout& layout, GroupParameters parameters,
                     const std::uint16_t* codes, std::int64_t n, float* values);

}  // namespace bitjoule
