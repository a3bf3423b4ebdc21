// Bytes of parts of a tile in their buffers.
#pragma once

#include <cstdint>

#include "core/mapping/stored_rows.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// That elements take in the input or output buffer: blocks are whole there.
std::int64_t buffer_bytes(const StorageLayout& layout, std::int64_t elements);

/// All results in DRAM, or on chip where they stay there: rows with their scales.
StoredRows result_rows(const MappingProblem& problem);
std::int64_t result_bytes(const MappingProblem& problem);
/// All of the first operand with its scales.
std::int64_t input_bytes(const MappingProblem& problem);
/// Bits of the scales that the largest tile of `groups` x m x n results ends.
std::int64_t result_scale_bits(const MappingProblem& problem, std::int64_t groups, std::int64_t m,
                               std::int64_t n);
/// Whether the channels of a pixel share scales across the groups of a convolution, so that those
/// of some groups lie otherwise than those of others.
bool scales_cross_groups(const MappingProblem& problem);
/// Whether a tile has one of such groups, in any parts: as many channels as fill a burst. Of
/// smaller ones it has as many as it likes, but all of their channels.
bool has_lone_groups(const MappingProblem& problem);
/// Results along n of which a tile has a whole multiple, or all.
std::int64_t whole_results(const MappingProblem& problem);

/// Of the scale buffer, that the scales and biases of so many groups of n x k weights take.
std::int64_t parameter_bytes(const MappingProblem& problem, std::int64_t groups, std::int64_t n,
                             std::int64_t k);

}  // namespace bitjoule
