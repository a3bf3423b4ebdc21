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
#include "core/mapping/region.h"
#include "core/mapping/reuse.h"
#include "core/mapping/tiling.h"
#include "core/mapping/traffic.h"

namespace bitjoule {

/// What a tiling costs. What crosses the DRAM's pins is what a run moves, exactly; times are those
/// of the closed forms of docs/timing.md, where the simulation has the last word.
struct MappingEstimate {
  DramTraffic traffic;
  std::int64_t array_cycles = 0;
  std::int64_t dram_cycles = 0;
  std::int64_t output_cycles = 0;
  std::int64_t cycles = 0;

  /// Whole bursts.
  std::int64_t moved_bytes() const { return traffic.total().bursts * traffic.burst_bytes; }
};
MappingEstimate estimate(const MappingProblem& problem, const Tiling& tiling);

/// The part of an estimate that does not depend on the order of the loops: transfers of each
/// stream, in the order of Stream, every tile's once.
struct TileCounts {
  std::array<Moved, kStreams.size()> moved{};
  std::int64_t array_cycles = 0;
};
TileCounts count_tiles(const MappingProblem& problem, const Tiling& tiling);
MappingEstimate estimate(const MappingProblem& problem, const Tiling& tiling,
                         const TileCounts& counts);

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
