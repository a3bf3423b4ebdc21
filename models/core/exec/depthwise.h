// Depthwise convolutions: every channel is a product of its own with k = kernel positions, and the
// channels of a pixel lie side by side, so that they are summed side by side.
#pragma once

#include <cstdint>
#include <vector>

#include "core/mapping/tiling.h"

namespace bitjoule {

/// Whether a layer's groups are single channels, with one filter each.
inline bool is_depthwise(const Lowered& l) {
  return l.interleaved_groups && l.channels == 1 && l.extents.n == 1 && l.extents.groups > 1;
}

/// Adds the sums over tile.k0..k1 of a tile to its accumulators, in the order of the outputs
/// (NHWC); with k0 = 0 it sets them. No sum may leave 32 bits. Padding has the code `zero`.
void add_depthwise(const Lowered& l, const Tile& tile, const std::vector<std::int16_t>& inputs,
                   const std::vector<std::int16_t>& weights, std::int16_t zero,
                   std::vector<std::int32_t>& accumulators);

}  // namespace bitjoule
