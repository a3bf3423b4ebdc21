#include "sim/sweep/pareto.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/price_notes.h"

namespace bitjoule {
namespace {

/// What the machine of a point does; empty: the result is of a version that does not say.
std::string workload_of(const PointResult& point) {
  const boost::json::value* workload = point.metrics.if_contains("workload");
  return workload != nullptr && workload->is_string() ? std::string(workload->as_string()) : "";
}

struct Candidate {
  const PointResult* point;
  std::string workload;
  EnergyUnit energies;        // what they are in, where a metric follows from them
  std::vector<double> costs;  // less is better
};

/// As good everywhere and better somewhere, at the same work: less energy for less to do is no
/// better machine; nor is a number of joules less than one of MACs, or of another table's MACs.
bool beats(const Candidate& a, const Candidate& b) {
  if (a.workload != b.workload || a.energies != b.energies) return false;
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
  const bool of_energy = std::any_of(metrics.begin(), metrics.end(), is_of_energy);
  std::vector<Candidate> candidates;
  for (const PointResult& point : results.points) {
    if (!broken_constraints(results, point).empty()) continue;
    Candidate candidate{
        &point, workload_of(point), of_energy ? energies_of(point.metrics) : EnergyUnit(), {}};
    for (const std::string& metric : metrics)
      if (const std::optional<double> value = whole_metric_of(point, metric))
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

std::vector<std::string> pareto_notes(const SweepResults& results,
                                      const std::vector<std::string>& metrics) {
  std::set<std::string> workloads, unknown;
  std::vector<std::string> notes;
  for (const PointResult& point : results.points)
    if (point.status == PointStatus::kDone) workloads.insert(workload_of(point));
  if (workloads.size() > 1)
    notes.push_back(fmt::format("{} workloads, points are ranked within each alone: {}",
                                workloads.size(), fmt::join(workloads, "; ")));
  const std::vector<EnergyUnit> units = energy_units(results);
  if (units.size() > 1 && std::any_of(metrics.begin(), metrics.end(), is_of_energy)) {
    std::vector<std::string> names;
    for (const EnergyUnit& unit : units) names.push_back(unit.text());
    notes.push_back(fmt::format("energies in {} units, points are ranked within each alone: {}",
                                units.size(), fmt::join(names, "; ")));
  }
  for (const std::string& note : unpriced_notes(results, metrics, "the front"))
    notes.push_back(note);
  for (const std::string& metric : metrics) {
    std::size_t lacking = 0;
    bool in_part = false;
    unknown.clear();
    for (const PointResult& point : results.points) {
      if (point.status != PointStatus::kDone || whole_metric_of(point, metric)) continue;
      ++lacking;
      in_part = in_part || metric_of(point, metric);
      const boost::json::value* parts = point.metrics.if_contains("area.unknown");
      if (metric.rfind("area.", 0) == 0 && parts != nullptr && parts->is_string())
        unknown.emplace(parts->as_string());
    }
    if (lacking > 0)
      notes.push_back(
          fmt::format("{} of {} points are left out, as they have no {}{}{}{}", lacking,
                      results.points.size(), metric, in_part ? " of the whole machine" : "",
                      unknown.empty() ? "" : ": no figure of ", fmt::join(unknown, " | ")));
  }
  return notes;
}

}  // namespace bitjoule
