// Which of a search's finalists is taken: tilings that the memory's peak cannot tell apart take up
// to some tenths more or less time, as they meet rows of the DRAM.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/mapping/search.h"

namespace bitjoule {

class EnergyModel;

/// What walks to the end have yielded: by another objective the same finalists are asked about.
class KnownWalks {
 public:
  /// `steps`: of a part; 0: the layer is walked from end to end. Null: not known.
  const MappingEstimate* find(const Tiling& tiling, std::int64_t steps) const;
  void add(const Tiling& tiling, std::int64_t steps, const MappingEstimate& e) {
    walks_.push_back({tiling, steps, e});
  }

 private:
  struct Walk {
    Tiling tiling;
    std::int64_t steps;
    MappingEstimate estimate;
  };
  std::vector<Walk> walks_;
};

/// The finalists of a search that found some, the best by its objective first: those that may be
/// it, with times by the memory's own model, then the others, at its peak. What an objective can
/// take any other can: all are asked about the same tilings, by the same parts of them.
/// `best_alone`: what comes behind the best need not be told apart. `walks`: of this problem.
std::vector<CostedTiling> last_choice(const MappingProblem& problem, const Objective& objective,
                                      const std::shared_ptr<EnergyModel>& energy,
                                      const SearchResult& found, bool best_alone,
                                      KnownWalks& walks);

}  // namespace bitjoule
