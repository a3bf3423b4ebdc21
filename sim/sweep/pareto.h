// Which points no other point beats in everything.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// The done points that keep all constraints, have all metrics and that no other such point beats:
/// as good in every metric and better in one. In the order of the sweep.
std::vector<const PointResult*> pareto_front(const SweepResults& results,
                                             const std::vector<std::string>& metrics);

}  // namespace bitjoule
