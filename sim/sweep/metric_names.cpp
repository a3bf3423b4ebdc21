#include "sim/sweep/metric_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <variant>

#include "core/dram/actions.h"
#include "core/error.h"
#include "core/mapping/components.h"
#include "run/language_evaluation.h"
#include "sim/config/suggest.h"
#include "sim/result/result_json.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/results.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// A layer whose result has every key that a run with this configuration can have.
LayerResult full_layer(const RunConfig& run) {
  LayerResult layer;
  if (run.options.values) {
    layer.check.emplace();
    layer.check->checked = 1;  // without it there is no verdict
  }
  DramStats& dram = layer.outcome.dram.edit();
  dram.read_bytes = dram.write_bytes = 1;
  if (const auto* cycle = std::get_if<CycleDramConfig>(&run.dram->model)) {
    const RefreshPolicy refresh = cycle->controller.refresh;
    dram.row_hits = dram.ranks = 1;
    dram.commands.fill(1);
    dram.period = cycle->timing.tCK;
    constexpr std::int64_t kClocks = 1000;  // some picoseconds of each state that can be
    dram.states.open = dram.states.closed = dram.states.open_banks = kClocks;
    if (refresh != RefreshPolicy::kNone) dram.states.refreshing = kClocks;
    if (cycle->controller.power_down > 0) dram.states.power_down = kClocks;
    DramStats counted = dram;
    const auto sent = [&](DramCommand c) -> std::int64_t& {
      return counted.commands[static_cast<std::size_t>(c)];
    };
    sent(DramCommand::kRefAll) = refresh == RefreshPolicy::kAllBank ? 1 : 0;
    sent(DramCommand::kRefBank) = refresh == RefreshPolicy::kPerBank ? 1 : 0;
    append_dram_commands(counted, &layer.counts);
  }
  if (run.options.data.counted) layer.outcome.counts.operands.counts.fill(1);
  append_dram_bits(dram, &layer.counts);
  layer.energy = price(layer.counts, prices_of(run));
  layer.buffers = run.accelerator.buffers;
  if (layer.buffers.unified) layer.outcome.counts.unified_peak_bytes = 1;
  return layer;
}

NetworkResult full_network(const RunConfig& run) {
  NetworkResult network;
  network.layers = {full_layer(run)};
  if (run.options.values) network.outputs.emplace_back();
  network.parameters = run.phases.front().network.parameters;
  for (const NetworkPhase& phase : run.phases) {
    const auto& parameters = phase.network.parameters;
    PassResult pass;
    pass.phase = phase.name;
    const auto tokens = parameters.find("tokens");
    (tokens != parameters.end() && tokens->second > 0 ? pass.tokens : pass.images) = 1;
    network.passes.push_back(pass);
  }
  return network;
}

using Kinds = std::map<std::string, bool>;  // whether it is a number, by name

/// Names that are asked for and not found yet, and all that there are.
struct Search {
  std::vector<std::string> metrics, pareto, constraints;  // the latter two are numbers
  Kinds known;

  bool is_over() const { return metrics.empty() && pareto.empty() && constraints.empty(); }
  void add(const std::vector<MetricName>& names) {
    for (const MetricName& row : names) known[row.name] = known[row.name] || row.is_number;
    drop(metrics, [&](const std::string& name) { return known.count(name) != 0; });
    const auto is_known_number = [&](const std::string& name) {
      const auto row = known.find(name);
      return row != known.end() && row->second;
    };
    drop(pareto, is_known_number);
    drop(constraints, is_known_number);
  }

 private:
  template <class IsFound>
  static void drop(std::vector<std::string>& names, IsFound is_found) {
    names.erase(std::remove_if(names.begin(), names.end(), is_found), names.end());
  }
};

}  // namespace

std::vector<MetricName> metric_names(const RunConfig& run) {
  Result result =
      run.phases.empty() ? Result{{full_layer(run)}, std::nullopt} : Result{{}, full_network(run)};
  if (run.evaluation) result.accuracy.emplace().kind = data_kind(run);
  const json::object metrics = flatten(result_json(run, result));
  std::vector<MetricName> names;
  for (const auto& [name, value] : metrics) names.push_back({std::string(name), value.is_number()});
  for (const ComponentRow& row : machine_components())
    for (const char* of : {"components", "static"})
      names.push_back({fmt::format("energy.{}.{}", of, row.name), true});
  return names;
}

void check_metric_names(const SweepPlan& plan, const std::vector<std::string>& pareto) {
  Search search{plan.sweep.metrics, pareto, {}, {}};
  for (const std::string& text : plan.sweep.constraints)
    search.constraints.push_back(parse_constraint(text).metric);
  for (const SweepPoint& point : plan.points) {
    if (search.is_over()) return;
    search.add(metric_names(plan.config(point)));
  }
  std::vector<std::string> all;
  for (const auto& [name, is_number] : search.known) all.push_back(name);
  std::string problems;
  const auto add = [&](const std::string& where, const std::string& name) {
    problems += problems.empty() ? "" : "\n";
    problems += search.known.count(name) != 0
                    ? fmt::format("{}: \"{}\" is not a number", where, name)
                    : fmt::format("{}: no result of this sweep has \"{}\"{}", where, name,
                                  suggestion(name, all));
  };
  for (const std::string& name : search.metrics) add(plan.sweep.name + ": metrics", name);
  for (const std::string& name : search.pareto) add("--pareto", name);
  for (const std::string& name : search.constraints) add(plan.sweep.name + ": constraints", name);
  if (!problems.empty()) throw input_error(problems);
}

boost::json::value check_sweep(const Source& source, const std::vector<Override>& overrides) {
  check_metric_names(make_plan(read_sweep(source, overrides), kMaxPoints), {});
  return sweep_json(source, overrides);
}

}  // namespace bitjoule
