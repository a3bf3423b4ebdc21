// The scales (with their zero-points) of the first operand, where they are apart from its codes: a
// record per pixel, or per row of a matrix, that begins with a whole byte.
#pragma once

#include <cstdint>

#include "core/mapping/tiling.h"

namespace bitjoule {

/// Consecutive scales of one record.
struct ScaleRange {
  std::int64_t first = 0, count = 0;
};

/// Those of channels c0..c1 of each group of a tile.
ScaleRange scale_range(const MappingProblem& problem, const Tile& tile, std::int64_t c0,
                       std::int64_t c1);

/// Bits of a scale with its zero-point; 0 where one covers the whole tensor, or lies in a block.
std::int64_t scale_entry_bits(const StorageLayout& layout);
/// Bits of `count` of them, with the scales that they have themselves (nf4_dq).
std::int64_t scale_bits(const StorageLayout& layout, std::int64_t count);

/// Bits of a record: whole bytes.
std::int64_t input_scale_record_bits(const MappingProblem& problem);

/// Bits that the records of `pixels` pixels take in the scale buffer, for `groups` groups, wherever
/// their channels begin.
std::int64_t input_scale_buffer_bits(const MappingProblem& problem, std::int64_t pixels,
                                     std::int64_t groups);

}  // namespace bitjoule
