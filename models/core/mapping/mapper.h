// Chooses tile sizes and loop order: the best by the objective of all tilings that fit, as a search
// by proven bounds finds it (search.h, docs/mapping.md). The same problem always gets the same
// mapping. A machine that can be set in several ways is tried in each of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/setting.h"
#include "core/mapping/estimate.h"
#include "core/mapping/tiling.h"
#include "core/mapping/traffic.h"
#include "core/workload/pins.h"

namespace bitjoule {

/// A tiling that was not taken, for comparison.
struct MappingAlternative {
  MachineSetting setting;
  Tiling tiling;
  MappingEstimate estimate;
  /// By the objective, over what was taken, as far as an estimate can tell: see alternatives().
  double cost_ratio = 1;
};

struct Mapping {
  MachineSetting setting;
  Tiling tiling;
  MappingEstimate estimate;
  /// Boxes of tilings that the search opened, tilings that it estimated, those that did not fit.
  std::int64_t boxes = 0, estimated = 0, misfits = 0;
  double gap = 0;  ///< the optimum is at most this share better, as is proven; 0: this is it
  std::vector<std::string> notes;  ///< what was pinned otherwise than it was taken, a line each
};

/// Throws an input Error with the reason where nothing fits or the pins contradict the layer.
Mapping map_layer(const MappingProblem& problem, const MappingPins& pins = {});

/// The problem with its machine as the mapping sets it: what the tiling holds for, and the program,
/// estimates and the run go by.
MappingProblem configured(MappingProblem problem, const Mapping& mapping);

/// What may be the best if it is simulated (MappingPins::finalists), as many as are asked for:
/// first what map_layer() yields, then the best of each other setting of the machine and by each
/// other objective, and then what lost the last choice, the best first.
std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins);

/// What a mapping costs by the pins' objective if it takes `cycles`; less is better.
double cost_with_cycles(const MappingProblem& problem, const Mapping& mapping,
                        const MappingPins& pins, std::int64_t cycles);

/// The best tiling under every other loop order, and every other setting of the machine, the
/// cheapest first. Times are refined, and as little as those of what was taken can they be trusted
/// to the last per cent: what is `close` may be as good.
std::vector<MappingAlternative> alternatives(const MappingProblem& problem, const MappingPins& pins,
                                             const Mapping& chosen);

}  // namespace bitjoule
