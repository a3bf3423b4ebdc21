// Bytes of parts of a tile in their buffers.
#pragma once

#include <cstdint>

#include "core/mapping/tiling.h"

namespace bitjoule {

/// That elements take in the input or output buffer: blocks are whole there.
std::int64_t buffer_bytes(const StorageLayout& layout, std::int64_t elements);

/// Of the scale buffer, that the scales and biases of so many groups of n x k weights take.
std::int64_t parameter_bytes(const MappingProblem& problem, std::int64_t groups, std::int64_t n,
                             std::int64_t k);

}  // namespace bitjoule
