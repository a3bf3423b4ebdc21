// What the mapper minimises: a product of powers of energy, cycles and traffic, which needs no
// units; between equals cycles, or traffic where cycles are weighed already; then energy.
#pragma once

#include "core/workload/pins.h"

namespace bitjoule {

/// Less is better, `first` before `then` before `last`.
struct MappingCost {
  double first = 0, then = 0, last = 0;
};
inline bool operator<(const MappingCost& a, const MappingCost& b) {
  if (a.first != b.first) return a.first < b.first;
  return a.then != b.then ? a.then < b.then : a.last < b.last;
}

class Objective {
 public:
  explicit Objective(const ObjectiveWeights& weights) : weights_(weights) {}

  /// Rises with each of the three, so that bounds of them yield a bound of the cost.
  MappingCost cost(double energy_pj, double cycles, double bursts) const;

  /// Whether nothing but cycles counts, which an estimate knows least.
  bool weighs_cycles() const { return weights_.cycles > 0; }
  bool is_cycles_alone() const { return weights_.energy == 0 && weights_.traffic == 0; }

 private:
  ObjectiveWeights weights_;
};

}  // namespace bitjoule
