// What may be the best mapping of a layer if it is simulated, and the prices that decided.
#pragma once

#include <cstdint>
#include <vector>

#include "core/mapping/estimate_energy.h"
#include "core/mapping/mapper.h"

namespace bitjoule {

/// The prices that a search asked for: with others, it may find another mapping.
struct PricesAsked {
  MachineSetting setting;
  std::vector<EnergyModel::Asked> asked;
};
/// Whether the problem's prices answer all of it the same.
bool same_prices(const MappingProblem& problem, const std::vector<PricesAsked>& asked);

/// As map_finalists(problem, pins), and appends what it asked.
std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins,
                                   std::vector<PricesAsked>& asked);

/// How many map_finalists() yields at most.
std::int64_t finalists(const MappingPins& pins);

}  // namespace bitjoule
