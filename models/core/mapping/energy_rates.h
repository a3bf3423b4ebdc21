// What one of each count costs, for bounds of energy: an estimate's energy is linear in its counts.
#pragma once

#include <array>

#include "core/mapping/estimate_energy.h"

namespace bitjoule {

/// Picojoules; 0 of what the layer never does, and without prices.
struct EnergyRates {
  double fixed = 0;  ///< what every tiling does: MACs, and the way of each result
  double dram_read = 0, dram_write = 0;  ///< of a burst
  double cycle = 0, free_cycles = 0;     ///< of a cycle beyond some
  double input_read = 0, input_write = 0, weight_read = 0, weight_write = 0;
  double accumulator_read = 0, accumulator_write = 0;
  double accumulate = 0, group_result = 0, activation_sum = 0, correction = 0;
  double dequantize_weight = 0, dequantize_input = 0;
  std::array<double, kArrayMoves> moves{};
};
/// By the problem's own prices.
EnergyRates energy_rates(const MappingProblem& problem, EnergyModel& model);

}  // namespace bitjoule
