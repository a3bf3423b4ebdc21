#include "run/run_parts.h"

#include <fmt/format.h>

#include "core/dram/priced_device.h"
#include "core/energy/pe_pitch.h"
#include "core/energy/voltage.h"
#include "core/mapping/machine_parts.h"
#include "run/layer_formats.h"

namespace bitjoule {

std::vector<MachinePart> parts_of(const RunConfig& run) {
  const PeConfig& pe = run.accelerator.array.pe;
  std::vector<DataPath> paths;
  if (run.phases.empty()) paths.push_back(resolve_data_path(run.precision, pe, run.layer.op));
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : phase.network.layers)
      if (const std::optional<LayerOp> op = mac_op(layer.op))
        paths.push_back(resolve_data_path(layer_precision(layer, run.precision), pe, *op));
  return machine_parts(run.accelerator, paths);
}

std::string workload_text(const RunConfig& run) {
  if (run.phases.empty()) {
    const GemmExtents e = gemm_extents(run.layer.op);
    return fmt::format("{}{}{} x {} x {} x {}", run.layer.name, run.layer.name.empty() ? "" : ": ",
                       e.groups, e.m, e.n, e.k);
  }
  std::int64_t passes = 0, macs = 0;
  for (const NetworkPhase& phase : run.phases) {
    passes += phase.weight;
    macs += phase.weight * total_macs(phase.network);
  }
  const Network& first = run.phases.front().network;
  std::string text = fmt::format("{}: {} passes of {} MACs in all", first.name, passes, macs);
  for (const auto& [name, value] : first.parameters) text += fmt::format(", {} {}", name, value);
  return text;
}

AreaReport area_of(const RunConfig& run) { return area_of(parts_of(run), run.energy); }

Prices prices_of(const RunConfig& run) {
  const ArrayConfig& array = run.accelerator.array;
  std::vector<MachinePart> parts = parts_of(run);
  const EnergyTable table = with_pe_pitch(at_voltage(run.energy, run.accelerator.voltage), parts,
                                          array.rows * array.cols);
  Prices prices = make_prices(table, run.dram->name, run.dram->energy, run.options.dram_prices);
  prices.parts = std::move(parts);
  if (const auto* device = std::get_if<CycleDramConfig>(&run.dram->model))
    prices.notes = device_notes(prices.counted_list()->dram, device->timing, run.dram->name);
  return prices;
}

}  // namespace bitjoule
