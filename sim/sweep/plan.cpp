#include "sim/sweep/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <unordered_set>

#include "core/error.h"
#include "run/run_check.h"
#include "sim/result/run_hash.h"
#include "sim/sweep/parallel.h"

namespace bitjoule {
namespace {

constexpr std::size_t kShownRefusals = 20;

std::size_t product_size(const Sweep& sweep, std::size_t max_points) {
  std::size_t size = 1;
  for (const Axis& axis : sweep.axes) {
    if (axis.values.size() > max_points / size)
      throw input_error(
          fmt::format("{}: axes: the product is above {} points (at axis {} with {} values); raise "
                      "--max-points",
                      sweep.name, max_points, axis.columns[0], axis.values.size()));
    size *= axis.values.size();
  }
  return size;
}

SweepPoint point_at(const Sweep& sweep, std::size_t index) {
  std::vector<const AxisValue*> values;
  for (auto axis = sweep.axes.rbegin(); axis != sweep.axes.rend(); ++axis) {
    values.push_back(&axis->values[index % axis->values.size()]);
    index /= axis->values.size();
  }
  SweepPoint point;
  for (auto value = values.rbegin(); value != values.rend(); ++value) {
    point.labels.insert(point.labels.end(), (*value)->labels.begin(), (*value)->labels.end());
    point.set.insert(point.set.end(), (*value)->set.begin(), (*value)->set.end());
  }
  return point;
}

/// What a point has to do.
struct PointWork {
  std::vector<LayerSize> layers;
  bool values = false, estimates = false;
};

/// What points take on one core, from their work, one after the other: a layer that a point ahead
/// has simulated is known. Measured on one core of a server, good to about a factor of two for the
/// shipped sweeps: resolving, elaboration and mapping of a small layer; generating and quantizing
/// weights and their way through a cycle-level DRAM; MACs of the slower types.
void expect_times(const std::vector<PointWork>& work, std::vector<SweepPoint>& points) {
  constexpr double kPerPoint = 0.001, kPerEstimate = 0.001;
  constexpr double kWeightsPerS = 1.5e8, kMacsPerS = 1e10;         // timing alone
  constexpr double kValueWeightsPerS = 3e7, kValueMacsPerS = 3e8;  // with values
  std::unordered_set<std::uint64_t> known;
  for (std::size_t i = 0; i < points.size(); ++i) {
    double& seconds = points[i].seconds = kPerPoint;
    for (const LayerSize& layer : work[i].layers) {
      const bool is_new = known.insert(layer.key).second;
      if (work[i].estimates)
        seconds += kPerEstimate;
      else if (work[i].values)
        seconds += layer.weights / kValueWeightsPerS + layer.macs / kValueMacsPerS;
      else if (is_new)
        seconds += layer.weights / kWeightsPerS + layer.macs / kMacsPerS;
    }
  }
}

/// Resolves a point and checks that its layer, formats and machine fit together; returns its notes.
std::vector<std::string> resolve(const SweepPlan& plan, SweepPoint& point, PointWork& work) {
  constexpr std::size_t kMostKept = 5000;  // points, of some 20 KB each
  RunConfig run = plan.config(point);
  point.hash = run_hash(run);
  work = {check_formats(run), run.options.values, run.options.fidelity == Fidelity::kEstimate};
  std::vector<std::string> notes = run.notes;
  if (run.phases.empty() && !hashes_tensors(run) && plan.points.size() <= kMostKept)
    point.run = std::make_shared<const RunConfig>(std::move(run));
  return notes;
}

/// Each note once, with the first point that has it.
std::vector<std::string> distinct(const std::vector<std::vector<std::string>>& by_point,
                                  const std::vector<SweepPoint>& points) {
  std::vector<std::string> notes;
  std::set<std::string> told;
  for (std::size_t i = 0; i < points.size(); ++i)
    for (const std::string& note : by_point[i])
      if (told.insert(note).second) notes.push_back(points[i].name() + ": " + note);
  return notes;
}

/// Equal refusals are told once, with the first point that meets them.
class Refusals {
 public:
  /// `problems`: one per line.
  void add(const std::string& problems, const Sweep& sweep, const SweepPoint& point) {
    std::istringstream lines(problems);
    for (std::string line; std::getline(lines, line);) {
      const auto [row, is_new] = rows_.emplace(line, Row{});
      ++row->second.points;
      if (!is_new) continue;
      order_.push_back(row);
      const std::vector<std::string> columns = sweep.columns();
      for (std::size_t i = 0; i < columns.size(); ++i)
        row->second.point +=
            fmt::format("{}{}={}", i == 0 ? "" : ", ", columns[i], point.labels[i]);
    }
  }

  void throw_if_any(const std::string& name) const {
    std::string text;
    for (std::size_t i = 0; i < std::min(order_.size(), kShownRefusals); ++i) {
      const Row& row = order_[i]->second;
      text += fmt::format("{}{}: at {}{}: {}", text.empty() ? "" : "\n", name, row.point,
                          row.points > 1 ? fmt::format(" and {} more points", row.points - 1) : "",
                          order_[i]->first);
    }
    if (order_.size() > kShownRefusals)
      text += fmt::format("\n{}: {} more refusals", name, order_.size() - kShownRefusals);
    if (!text.empty()) throw input_error(text);
  }

 private:
  struct Row {
    std::string point;
    std::size_t points = 0;
  };
  std::map<std::string, Row> rows_;
  std::vector<std::map<std::string, Row>::const_iterator> order_;
};

}  // namespace

std::string SweepPoint::name() const {
  std::string all;
  for (const std::string& label : labels) all += (all.empty() ? "" : ", ") + label;
  return all;
}

RunConfig SweepPlan::config(const SweepPoint& point) const {
  if (point.run) return *point.run;
  RunConfig run = base->with(point.set);
  run.name = run.phases.empty() ? run.layer.name : run.phases.front().network.name;
  return run;
}

bool selects(const Selection& selection, const std::vector<std::string>& columns,
             const std::vector<std::string>& labels) {
  return std::all_of(selection.begin(), selection.end(), [&](const auto& row) {
    const auto column = std::find(columns.begin(), columns.end(), row.first);
    const std::string& label = labels[static_cast<std::size_t>(column - columns.begin())];
    return std::find(row.second.begin(), row.second.end(), label) != row.second.end();
  });
}

SweepPlan make_plan(Sweep sweep, std::size_t max_points) {
  SweepPlan plan;
  plan.base = std::make_shared<RunTemplate>(sweep.base, sweep.set);
  plan.sweep = std::move(sweep);
  const std::size_t size = product_size(plan.sweep, max_points);
  const std::vector<std::string> columns = plan.sweep.columns();
  for (std::size_t i = 0; i < size; ++i) {
    SweepPoint point = point_at(plan.sweep, i);
    const auto is_selected = [&](const Selection& row) {
      return selects(row, columns, point.labels);
    };
    if (std::none_of(plan.sweep.exclude.begin(), plan.sweep.exclude.end(), is_selected))
      plan.points.push_back(std::move(point));
  }
  std::vector<std::string> refused(plan.points.size());
  std::vector<std::vector<std::string>> notes(plan.points.size());
  std::vector<PointWork> work(plan.points.size());
  for_each_index(plan.points.size(), [&](std::size_t i) {
    try {
      notes[i] = resolve(plan, plan.points[i], work[i]);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::kInput) throw;
      refused[i] = e.what();
    }
  });
  Refusals refusals;
  for (std::size_t i = 0; i < refused.size(); ++i)
    if (!refused[i].empty()) refusals.add(refused[i], plan.sweep, plan.points[i]);
  refusals.throw_if_any(plan.sweep.name);
  if (plan.points.empty())
    throw input_error(fmt::format("{}: exclude leaves no point", plan.sweep.name));
  plan.notes = distinct(notes, plan.points);
  expect_times(work, plan.points);
  return plan;
}

}  // namespace bitjoule
