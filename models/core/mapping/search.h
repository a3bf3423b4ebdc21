// Best-first branch and bound: boxes of tilings by rising bound, each cut in two until one tiling
// is left, which is estimated. What is left unopened when the next bound is not below the best
// estimate cannot hold anything better.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/mapper.h"
#include "core/mapping/objective.h"

namespace bitjoule {

struct SearchResult {
  std::optional<MappingAlternative> best;  ///< empty: no tile fits
  /// The best that was estimated of each scheme, where any was.
  std::vector<std::pair<MappingCost, MappingAlternative>> of_schemes;
  /// The few best that were estimated, the best first: peaks of the memory told them apart.
  std::vector<std::pair<MappingCost, MappingAlternative>> closest;
  MappingCost cost, bound;  ///< of the best, and of everything that was not opened
  std::int64_t boxes = 0, estimated = 0, misfits = 0;
  /// The best is within this share of the optimum, as is proven: 0 but where the search gave up.
  double gap() const {
    return best && bound.first > 0 && bound.first < cost.first ? cost.first / bound.first - 1 : 0;
  }
};

/// The best tiling of a space; of equal ones always the same.
SearchResult search(const MappingProblem& problem, const MappingSpace& space,
                    const Objective& objective, const std::shared_ptr<EnergyModel>& energy);

/// What an estimate costs by an objective.
MappingCost cost_of(const Objective& objective, const MappingEstimate& estimate);

}  // namespace bitjoule
