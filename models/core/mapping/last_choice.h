// Which of a search's finalists is taken: tilings that the memory's peak cannot tell apart take up
// to some tenths more or less time, as they meet rows of the DRAM.
#pragma once

#include <memory>
#include <vector>

#include "core/mapping/search.h"

namespace bitjoule {

class EnergyModel;

/// The finalists of a search that found some, the best by its objective first: those that may be
/// it, with times by the memory's own model, then the others, at its peak. What an objective can
/// take any other can: all are asked about the same tilings, by the same parts of them.
/// `best_alone`: what comes behind the best need not be told apart.
std::vector<CostedTiling> last_choice(const MappingProblem& problem, const Objective& objective,
                                      const std::shared_ptr<EnergyModel>& energy,
                                      const SearchResult& found, bool best_alone);

}  // namespace bitjoule
