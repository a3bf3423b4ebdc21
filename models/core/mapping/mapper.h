// Chooses tile sizes and loop order: the least DRAM traffic, then the fewest cycles (or the other
// way round, as the objective says), then the first in a fixed order of enumeration. Tiles whose
// folds stream for less time than they load are considered only where no other fits: they would
// save a little traffic for many times the cycles. The same problem always gets the same mapping.
// A machine that can be set in several ways is tried in each of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/setting.h"
#include "core/mapping/estimate.h"
#include "core/mapping/pins.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// The best tiling under one loop order, or another setting of the machine, for comparison.
struct MappingAlternative {
  MachineSetting setting;
  Tiling tiling;
  MappingEstimate estimate;
};

struct Mapping {
  MachineSetting setting;
  Tiling tiling;
  MappingEstimate estimate;
  std::vector<MappingAlternative> alternatives;  ///< of every other order and setting the best
  std::int64_t candidates = 0, misfits = 0;
};

/// Throws an input Error with the reason where nothing fits or the pins contradict the layer.
Mapping map_layer(const MappingProblem& problem, const MappingPins& pins = {});

/// The problem with its machine as the mapping sets it: what the tiling holds for, and the program,
/// estimates and the run go by.
MappingProblem configured(MappingProblem problem, const Mapping& mapping);

}  // namespace bitjoule
