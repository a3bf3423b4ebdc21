// Energy of an estimate: the run's own prices, asked once for each kind of count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/mapping/estimate.h"

namespace bitjoule {

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
