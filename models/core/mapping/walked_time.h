// A layer, or some parts of it, with each request put to the memory's own model.
#pragma once

#include <cstdint>
#include <limits>

#include "core/mapping/memory_port.h"
#include "core/mapping/tile_time.h"

namespace bitjoule {

struct WalkedTime {
  bool whole = false;       ///< little more than the parts: the layer is walked from end to end
  double cycles = 0;        ///< then its time
  double share = 1;         ///< else: of the time that the fluid has for the parts walked
  double refresh = -1;      ///< and what each refresh of all banks cost; < 0: too few were met
  double activates = 0;     ///< of rows, for a burst
  OpenRows open;            ///< where the memory was walked as it is: with its refreshes
  bool broken_off = false;  ///< ... or by the share so far takes more than the budget's `most`
};

/// How much of a layer is walked.
struct WalkBudget {
  std::int64_t bursts = 0;       ///< at most: what takes no more is walked from end to end
  std::int64_t places = 1;       ///< else so many parts, ...
  bool refreshes = true;         ///< ... each once without refreshes, and once more with them;
                                 ///< else once, with them where it lasts for some of them
  std::int64_t least_steps = 6;  ///< of a part: until the machine is as always, and then measured
  std::int64_t least_warm = 2;   ///< of these, ahead of what is measured
  /// Cycles of the layer at the memory's peak, and those beyond which it does not count how many it
  /// takes: a walk that is sure to get there is broken off.
  double peak = 0, most = std::numeric_limits<double>::infinity();

  /// Of a layer with so many steps and bursts.
  bool takes_whole(std::int64_t steps, std::int64_t all_bursts) const;
};

// Of a layer whose estimate is shown, and of tilings among which a search chooses.
inline constexpr std::int64_t kRefinedSteps = 6, kRankedSteps = 12, kRankedWarm = 4,
                              kRankedAtLeast = 4'000, kLongerSteps = 28;

/// Of a memory that has a model to be asked (MemoryPort::sampled). `bursts`: all that the layer
/// moves. `rates`: those of the fluid that the parts are compared with.
WalkedTime walked_time(const MappingProblem& problem, const Tiling& tiling,
                       const TileLayout& layout, KnownTileSizes& sizes, std::int64_t bursts,
                       const WalkBudget& budget, MemoryRates& rates);

/// No walk from end to end takes fewer core cycles, where Estimator::lower_bound() has so many: at
/// the memory's peak, with a row to close ahead of the first, which a memory at rest has not. 0
/// where it is long enough for refreshes, of which the peak has as many as come on average.
std::int64_t least_walked(const MemoryPort& memory, std::int64_t least_at_peak);

}  // namespace bitjoule
