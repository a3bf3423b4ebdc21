// What the mapper minimises: a product of powers of energy, cycles and traffic, which needs no
// units; then, between equals, traffic or cycles.
#pragma once

#include "core/workload/pins.h"

namespace bitjoule {

/// Less is better, `first` before `then`.
struct MappingCost {
  double first = 0, then = 0;
};
inline bool operator<(const MappingCost& a, const MappingCost& b) {
  return a.first != b.first ? a.first < b.first : a.then < b.then;
}

class Objective {
 public:
  explicit Objective(const ObjectiveWeights& weights) : weights_(weights) {}

  /// Rises with each of the three, so that bounds of them yield a bound of the cost.
  MappingCost cost(double energy_pj, double cycles, double bursts) const;

 private:
  ObjectiveWeights weights_;
};

}  // namespace bitjoule
