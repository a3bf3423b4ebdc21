// Chooses tile sizes and loop order: the least DRAM traffic, then the fewest cycles (or the other
// way round, as the objective says), then the first in a fixed order of enumeration. Tiles whose
// folds stream for less time than they load are considered only where no other fits: they would
// save a little traffic for many times the cycles. The same problem always gets the same mapping.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/mapping/estimate.h"
#include "core/mapping/pins.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// The best tiling under one loop order, for comparison.
struct MappingAlternative {
  Tiling tiling;
  MappingEstimate estimate;
};

struct Mapping {
  Tiling tiling;
  MappingEstimate estimate;
  std::vector<MappingAlternative> alternatives;  ///< best of every other order, the cheapest first
  std::int64_t candidates = 0, misfits = 0;
};

/// Throws an input Error with the reason where nothing fits or the pins contradict the layer.
Mapping map_layer(const MappingProblem& problem, const MappingPins& pins = {});

}  // namespace bitjoule
