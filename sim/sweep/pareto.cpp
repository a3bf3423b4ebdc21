#include "sim/sweep/pareto.h"

#include <algorithm>

#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"

namespace bitjoule {
namespace {

struct Candidate {
  const PointResult* point;
  std::vector<double> costs;  // less is better
};

/// As good everywhere and better somewhere.
bool beats(const Candidate& a, const Candidate& b) {
  bool is_better = false;
  for (std::size_t i = 0; i < a.costs.size(); ++i) {
    if (a.costs[i] > b.costs[i]) return false;
    is_better = is_better || a.costs[i] < b.costs[i];
  }
  return is_better;
}

}  // namespace

std::vector<const PointResult*> pareto_front(const SweepResults& results,
                                             const std::vector<std::string>& metrics) {
  std::vector<Candidate> candidates;
  for (const PointResult& point : results.points) {
    if (!broken_constraint(results, point).empty()) continue;
    Candidate candidate{&point, {}};
    for (const std::string& metric : metrics)
      if (const std::optional<double> value = metric_of(point, metric))
        candidate.costs.push_back(more_is_better(metric) ? -*value : *value);
    if (candidate.costs.size() == metrics.size()) candidates.push_back(std::move(candidate));
  }
  std::vector<const PointResult*> front;
  for (const Candidate& one : candidates)
    if (std::none_of(candidates.begin(), candidates.end(),
                     [&](const Candidate& other) { return beats(other, one); }))
      front.push_back(one.point);
  return front;
}

}  // namespace bitjoule
