// What the points of a sweep must keep to be the best of anything.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

struct Constraint {
  std::string metric;    ///< dotted path in result.json
  std::string relation;  ///< <=, <, >= or >
  double bound = 0;      ///< in the metric's unit

  bool holds(double value) const;
};

/// Reads "area.total_mm2 <= 4". Throws an input Error that says what was expected.
Constraint parse_constraint(const std::string& text);

/// The constraints of `results` that a done point does not keep, or whose metrics it lacks ("...,
/// not known", as is one on joules of a point in ratios of a MAC), with "; "; empty: it keeps all.
std::string broken_constraints(const SweepResults& results, const PointResult& point);

/// What has to be said of energies in the table and in constraints: what they have nothing of.
std::vector<std::string> unpriced_notes(const SweepResults& results);

}  // namespace bitjoule
