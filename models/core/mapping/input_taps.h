// What of a map the inputs of a tile look at, at most: away from the borders, where no window is
// clipped but to the map's size.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/workload/lowering.h"

namespace bitjoule {

/// Rows (columns) of a map of `limit` that consecutive outputs look at through consecutive taps, at
/// most; where `skips`, those between strides are left out if there is one tap.
inline std::int64_t map_span(std::int64_t outputs, std::int64_t stride, std::int64_t taps,
                             std::int64_t dilation, bool skips, std::int64_t limit) {
  return std::min(
      limit, skips && taps == 1 ? outputs : (outputs - 1) * stride + (taps - 1) * dilation + 1);
}

/// What a tile of `k` looks at, at most: taps of the kernel along rows and columns, and channels.
/// With `full_k` it holds all of k.
struct InputTaps {
  std::int64_t rows, cols, channels;
};
InputTaps input_taps(const Lowered& layer, std::int64_t k, bool full_k);

}  // namespace bitjoule
