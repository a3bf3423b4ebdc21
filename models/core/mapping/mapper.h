// Chooses tile sizes and loop order: the least DRAM traffic, then the fewest cycles (or the other
// way round, as the objective says), then the first in a fixed order of enumeration. Tiles whose
// folds stream for less time than they load are considered only where no other fits: they would
// save a little traffic for many times the cycles. The same problem always gets the same mapping.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/mapping/pins.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// What a tiling costs by the closed forms of docs/timing.md; the simulation has the last word.
struct MappingEstimate {
  std::int64_t input_bytes = 0, weight_bytes = 0, scale_bytes = 0, output_bytes = 0;
  std::int64_t array_cycles = 0;
  std::int64_t dram_cycles = 0;
  std::int64_t output_cycles = 0;
  std::int64_t cycles = 0;

  std::int64_t traffic() const { return input_bytes + weight_bytes + scale_bytes + output_bytes; }
};
MappingEstimate estimate(const MappingProblem& problem, const Tiling& tiling);

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
