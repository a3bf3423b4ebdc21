#include "core/mapping/objective.h"

#include <cmath>

namespace bitjoule {
namespace {

double power(double x, double exponent) {
  if (exponent == 0) return 1;
  return exponent == 1 ? x : std::pow(x, exponent);
}

}  // namespace

ObjectiveWeights weights_of(MappingObjective objective) {
  switch (objective) {
    case MappingObjective::kEnergy:
      return {1, 0, 0};
    case MappingObjective::kCycles:
      return {0, 1, 0};
    case MappingObjective::kTraffic:
      return {0, 0, 1};
    case MappingObjective::kEdp:
      break;
  }
  return {1, 1, 0};
}

MappingCost Objective::cost(double energy_pj, double cycles, double bursts) const {
  const ObjectiveWeights& w = weights_;
  return {power(energy_pj, w.energy) * power(cycles, w.cycles) * power(bursts, w.traffic),
          w.cycles > 0 ? bursts : cycles, energy_pj};
}

}  // namespace bitjoule
