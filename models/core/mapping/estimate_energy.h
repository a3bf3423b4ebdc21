// Energy of an estimate: the run's own prices, asked once for each kind of count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/dram/stats.h"
#include "core/mapping/estimate.h"

namespace bitjoule {

struct EstimatedBursts {
  std::int64_t reads = 0, writes = 0, activates = 0;
};
/// What a DRAM is estimated to do in so many core cycles: bursts are given, refreshes of all banks
/// and the time that it is powered follow from them; nothing else is set.
DramStats estimated_commands(const MemoryPort& memory, const EstimatedBursts& bursts,
                             std::int64_t cycles);
DramStats estimated_commands(const MemoryPort& memory, const MappingEstimate& estimate);

/// price() is linear in the counts, but slow: this asks it for the price of one of each count when
/// the first estimate has any.
class EnergyModel {
 public:
  explicit EnergyModel(const MappingProblem& problem);

  /// Picojoules; 0 where the problem has no prices.
  double price(const MappingEstimate& estimate);

 private:
  double rate_of(std::size_t count);

  const MappingProblem& p_;
  std::vector<std::optional<double>> rates_;
};

}  // namespace bitjoule
