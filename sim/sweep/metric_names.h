// The names that `metrics:` and `--pareto` may have, known before anything runs.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/plan.h"

namespace bitjoule {

struct MetricName {
  std::string name;        ///< dotted path in result.json
  bool is_number = false;  ///< else a text or a truth value
};

/// What flatten() can give for a run of this configuration. Of the components of the energy, and of
/// the commands of a DRAM, a result has only those that did something.
std::vector<MetricName> metric_names(const RunConfig& run);

/// Throws an input Error with a line per name that no point of the sweep can have, with the nearest
/// that one has: of `metrics:` in the sweep file, and of `pareto`, which must be numbers.
void check_metric_names(const SweepPlan& plan, const std::vector<std::string>& pareto);

/// For the table of file kinds: every point and metric is checked as before a sweep.
boost::json::value check_sweep(const Source& source, const std::vector<Override>& overrides);

}  // namespace bitjoule
