#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "core/mapping/traffic_bound.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
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

std::string layer_line(const RunConfig& run, const std::string& name, const MappingPins& pins,
                       const MappingProblem& unset, const LayerProgram& p) {
  const MappingEstimate e = estimate(p.problem, p.mapping.tiling);
  const double above = static_cast<double>(e.moved_bytes()) / traffic_bound(p.problem).least();
  std::string line = fmt::format("{}\n  {}\n  {} of traffic, {} of the least; about {} cycles, {}",
                                 printable_line(name),
                                 mapping_text(run.accelerator, p.mapping.setting, p.mapping.tiling),
                                 bytes_text(e.moved_bytes()), digits_text(above),
                                 with_commas(e.cycles), joules_text(e.energy_pj));
  if (p.mapping.gap > 0) line += fmt::format("; within {:.2f} % of the best", p.mapping.gap * 100);
  for (const std::string& note : p.mapping.notes) line += "; " + note;
  if (above > kMuchTraffic)
    line += "\n  above it " + constraints_text(traffic_constraints(unset, pins, p.mapping));
  return line + "\n";
}

}  // namespace

std::string explain_network_text(const RunConfig& run) {
  RunOptions options = run.options;
  options.values = false;
  options.fidelity = Fidelity::kFast;
  const LayerRunner runner(run.accelerator, run.dram, run.energy, options);
  std::string out;
  for (const NetworkPhase& phase : run.phases) {
    std::set<std::string> known;
    for (const NetworkLayer& layer : with_quantize_passes(phase.network, run.precision).layers) {
      const std::optional<Layer> mac = mac_layer_of(layer);
      if (!mac) continue;
      const Precision precision = layer_precision(layer, run.precision);
      const std::string key =
          key_text(layer.op) + key_text(precision) + key_text(layer.mapping) + key_text(layer.bias);
      if (!known.insert(key).second) continue;
      try {
        const MappingPins pins = with(layer.mapping, run.mapping);
        const MappingProblem unset =
            make_problem(run.accelerator, runner.memory(), mac->op, precision, pins, mac->stage);
        out += layer_line(run, phase.name.empty() ? layer.name : phase.name + "/" + layer.name,
                          pins, unset, runner.prepare(*mac, precision, pins));
      } catch (const Error& e) {
        throw Error(e.kind(), fmt::format("layer \"{}\": {}", layer.name, e.what()));
      }
    }
  }
  return out;
}

}  // namespace bitjoule
