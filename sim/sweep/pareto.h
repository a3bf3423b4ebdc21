// Which points no other point beats in everything.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// The done points that keep all constraints, have all metrics and that no other such point of the
/// same workload (`workload` of results), and with energies in the same unit, beats: as good in
/// every metric and better in one. In the order of the sweep.
std::vector<const PointResult*> pareto_front(const SweepResults& results,
                                             const std::vector<std::string>& metrics);

/// What has to be said of the front: that points of several workloads or units are ranked within
/// each, what energies have nothing of, and how many points are left out as they lack a metric,
/// with the parts whose area is not known.
std::vector<std::string> pareto_notes(const SweepResults& results,
                                      const std::vector<std::string>& metrics);

}  // namespace bitjoule
