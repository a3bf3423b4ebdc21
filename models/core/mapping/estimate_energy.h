// Energy of an estimate: the run's own prices, asked once for each kind of count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/mapping/estimate.h"

namespace bitjoule {

/// price() is linear in the counts, but slow: this asks it for the price of one of each count when
/// the first estimate has any. `problem` outlives it; sizes of banks and ports count, not how many
/// there are.
class EnergyModel {
 public:
  explicit EnergyModel(const MappingProblem& problem);

  /// Picojoules; 0 where the problem has no prices.
  double price(const MappingEstimate& estimate);

 private:
  /// Members of MachineCounts that are priced, accesses of five buffers, commands of a DRAM.
  static constexpr std::size_t kMembers = 10, kAccesses = 10, kCommands = 5;
  static constexpr std::size_t kPriced = kMembers + kAccesses + kCommands;
  using PricedCounts = std::array<std::int64_t, kPriced>;
  static PricedCounts counted(const MappingEstimate& estimate, const MemoryPort& memory);
  double rate_of(std::size_t count);

  const MappingProblem& p_;
  std::array<double, kPriced> rates_{};
  std::array<bool, kPriced> known_{};
};

}  // namespace bitjoule
