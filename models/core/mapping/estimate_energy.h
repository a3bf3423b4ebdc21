// Energy of an estimate: the run's own prices, asked once for each kind of count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dram/actions.h"
#include "core/mapping/estimate.h"

namespace bitjoule {

/// price() is linear in the counts, but slow: this asks it for the price of one of each count when
/// the first estimate has any. `problem` outlives it; sizes of banks and ports count, not how many
/// there are.
class EnergyModel {
 public:
  explicit EnergyModel(const MappingProblem& problem);

  /// Picojoules; 0 where the problem has no prices.
  double price(const MappingEstimate& estimate) { return price(estimate, price(estimate.counts)); }
  /// Of the machine's counts alone, which do not depend on time; and with the rest, to the same
  /// bit.
  double price(const MachineCounts& counts);
  double price(const MappingEstimate& estimate, double of_counts);

  /// A price that was asked for: what one of a count costs.
  struct Asked {
    std::size_t count = 0;
    double rate = 0;
  };
  std::vector<Asked> asked() const;
  /// Whether all of that costs the same here. Throws where it has no price.
  bool agrees(const std::vector<Asked>& asked);

 private:
  /// Counts of the machine; commands and states of a DRAM; cycles of the array's clock, nanoseconds
  /// of leakage.
  static constexpr std::size_t kClocked = kMachineCounts + kDramCounts, kNanosecond = kClocked + 1,
                               kPriced = kNanosecond + 1;
  double rate_of(std::size_t count) { return known_[count] ? rates_[count] : ask(count); }
  double ask(std::size_t count);
  void add(std::int64_t count, std::size_t kind, double& energy) {
    if (count != 0) energy += static_cast<double>(count) * rate_of(kind);
  }

  const MappingProblem& p_;
  std::array<double, kPriced> rates_{};
  std::array<bool, kPriced> known_{};
};

}  // namespace bitjoule
