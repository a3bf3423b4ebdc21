// Best-first branch and bound: boxes of tilings by rising bound, each cut in two until one tiling
// is left, which is estimated. What is left unopened when the next bound is not below the best
// estimate cannot hold anything better.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/mapper.h"
#include "core/mapping/objective.h"
#include "core/mapping/search_goal.h"

namespace bitjoule {

/// The memory's own model is asked for so many bursts of finalists, whatever the peak says of them.
inline constexpr std::int64_t kAlwaysAsked = 4'000;

struct SearchResult {
  std::optional<MappingAlternative> best;  ///< empty: no tile fits
  /// The few best that were estimated, the best first: peaks of the memory told them apart.
  std::vector<CostedTiling> closest;
  /// What may be the best by any of the goals if the memory's own model is asked: `bests`, each the
  /// best by a goal, then the next by each in turn. The same whatever the search was for; empty of
  /// a memory without such a model.
  std::vector<MappingAlternative> finalists;
  std::size_t bests = 0;
  MappingCost cost, bound;  ///< of the best, and of everything that was not opened
  std::int64_t boxes = 0, estimated = 0, misfits = 0;
  /// The best is within this share of the optimum, as is proven: 0 but where the search gave up.
  double gap() const {
    return best && bound.first > 0 && bound.first < cost.first ? cost.first / bound.first - 1 : 0;
  }
};

/// The best tiling of a space by each goal whose number is among `owns`; of equal ones always the
/// same. Of the others good ones are found on the way. What the first yields does not depend on
/// those behind it. `rates`: of that energy.
std::vector<SearchResult> search(const MappingProblem& problem, const MappingSpace& space,
                                 const std::vector<Objective>& goals,
                                 const std::vector<std::size_t>& owns,
                                 const std::shared_ptr<EnergyModel>& energy,
                                 const EnergyRates& rates);

/// What an estimate costs by an objective.
MappingCost cost_of(const Objective& objective, const MappingEstimate& estimate);

}  // namespace bitjoule
