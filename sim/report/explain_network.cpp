#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/traffic_bound.h"
#include "run/fused_attention.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "run/network_layers.h"
#include "run/quantize_passes.h"
#include "sim/config/utf8.h"
#include "sim/output/text.h"
#include "sim/report/summary.h"

namespace bitjoule {
namespace {

/// A layer with MACs; none for an operator of the vector unit.
std::optional<Layer> mac_layer_of(const NetworkLayer& layer) {
  return std::visit(
      [&layer](const auto& op) -> std::optional<Layer> {
        if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>)
          return std::nullopt;
        else
          return Layer{layer.name, op, {}, {}, {layer.bias, layer.activation}, {}};
      },
      layer.op);
}

/// A layer that moves more than so many times the least is told why.
constexpr double kMuchTraffic = 1.25;

/// A distinct layer: the first of its name, and what became of it.
struct Row {
  std::string name;
  int times = 1;
  std::string text, above;

  std::string head() const { return times > 1 ? fmt::format("{} x{}", name, times) : name; }
};

Row row_of(const RunConfig& run, const std::string& name, const MappingPins& pins,
           const MappingProblem& unset, const LayerProgram& p) {
  const MappingEstimate e = estimate(p.problem, p.mapping.tiling);
  const double above = static_cast<double>(e.moved_bytes()) / traffic_bound(p.problem).least();
  Row row;
  row.name = printable_line(name);
  row.text = fmt::format("{}; {} of traffic, {} times the least; about {} cycles, {}",
                         mapping_text(run.accelerator, p.mapping.setting, p.mapping.tiling),
                         bytes_text(e.moved_bytes()), digits_text(above), with_commas(e.cycles),
                         joules_text(e.energy_pj, run.energy->unit));
  if (p.mapping.gap > 0) row.text += "; " + gap_text(p.mapping.gap);
  for (const std::string& note : p.mapping.notes) row.text += "; " + note;
  if (above > kMuchTraffic)
    row.above = constraints_text(traffic_constraints(unset, pins, p.mapping));
  return row;
}

/// Of a fused attention, by a machine that estimates.
Row row_of(const RunConfig& run, const std::string& name, const LayerProgram& p,
           LayerRunner& estimates) {
  const LayerResult e = estimates.run_attention(name, p);
  const AttentionTiling& t = p.attention->tiling;
  Row row;
  row.name = printable_line(name);
  row.text = fmt::format(
      "attention, tiles of {} x {} queries and {} keys; {} of traffic; about {} cycles, {}",
      t.heads, t.queries, t.keys, bytes_text(e.moved_bytes()), with_commas(e.outcome.cycles.value),
      joules_text(e.energy.total.value, run.energy->unit));
  for (const std::string& note : p.mapping.notes) row.text += "; " + note;
  return row;
}

/// A line for each, and below it why it moves much, if it does.
std::string rows_text(const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.head().size());
  std::string text;
  for (const Row& row : rows) {
    text += fmt::format("{:<{}}  {}\n", row.head(), width, row.text);
    if (!row.above.empty()) text += "  above it " + row.above + "\n";
  }
  return text;
}

}  // namespace

std::string explain_network_text(const RunConfig& run) {
  RunOptions options = run.options;
  options.values = false;
  options.fidelity = Fidelity::kFast;
  const LayerRunner runner(run.accelerator, run.dram, run.energy, options);
  options.fidelity = Fidelity::kEstimate;
  LayerRunner estimates(run.accelerator, run.dram, run.energy, options);
  std::vector<Row> rows;
  for (const NetworkPhase& phase : run.phases) {
    std::map<std::string, std::size_t> known;  // of this phase, in rows
    const Network timed = with_expert_layers(
        with_fused_attention(with_passes(phase.network, run.precision), run.mapping.attention));
    for (const NetworkLayer& layer : timed.layers) {
      const std::optional<Layer> mac = mac_layer_of(layer);
      if (!mac) continue;
      const Precision precision = layer_precision(layer, run.precision);
      const std::string key = (layer.fused ? attention_key(layer, run.precision) : "") +
                              key_text(layer.op) + key_text(precision) + key_text(layer.mapping) +
                              key_text(pins_of(layer, run.mapping).kv_page) + key_text(layer.bias);
      const auto [at, is_new] = known.emplace(key, rows.size());
      if (!is_new) {
        ++rows[at->second].times;
        continue;
      }
      try {
        const MappingPins pins = pins_of(layer, run.mapping);
        const std::string shown = phase.name.empty() ? layer.name : phase.name + "/" + layer.name;
        if (layer.fused) {
          const AttentionProblem problem =
              attention_problem(run.accelerator, runner.memory(), layer, run.precision, pins);
          rows.push_back(row_of(run, shown,
                                runner.prepare(problem, attention_key(layer, run.precision), pins),
                                estimates));
          continue;
        }
        const MappingProblem unset =
            make_problem(run.accelerator, runner.memory(), mac->op, precision, pins, mac->stage);
        rows.push_back(row_of(run, shown, pins, unset, runner.prepare(*mac, precision, pins)));
      } catch (const Error& e) {
        throw Error(e.kind(), fmt::format("layer \"{}\": {}", layer.name, e.what()));
      }
    }
  }
  return rows_text(rows);
}

}  // namespace bitjoule
