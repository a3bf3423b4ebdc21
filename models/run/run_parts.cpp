#include "run/run_parts.h"

#include "core/energy/voltage.h"
#include "core/mapping/machine_parts.h"
#include "run/layer_formats.h"

namespace bitjoule {

std::vector<MachinePart> parts_of(const RunConfig& run) {
  const PeConfig& pe = run.accelerator.array.pe;
  std::vector<DataPath> paths;
  if (run.phases.empty()) paths.push_back(resolve_data_path(run.precision, pe));
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : phase.network.layers)
      if (!std::holds_alternative<VectorOp>(layer.op))
        paths.push_back(resolve_data_path(layer_precision(layer, run.precision), pe));
  return machine_parts(run.accelerator, paths);
}

AreaReport area_of(const RunConfig& run) { return area_of(parts_of(run), run.energy); }

Prices prices_of(const RunConfig& run) {
  Prices prices = make_prices(at_voltage(run.energy, run.accelerator.voltage), run.dram.name,
                              run.dram.energy, run.options.dram_prices);
  prices.parts = parts_of(run);
  return prices;
}

}  // namespace bitjoule
