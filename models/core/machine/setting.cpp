#include "core/machine/setting.h"

namespace bitjoule {

std::vector<MachineSetting> settings(const AcceleratorConfig& machine) {
  std::vector<MachineSetting> all = {{machine.array.dataflow}};
  for (const Dataflow other : machine.array.other_dataflows) all.push_back({other});
  return all;
}

AcceleratorConfig configured(AcceleratorConfig machine, const MachineSetting& setting) {
  machine.array.dataflow = setting.dataflow;
  machine.array.other_dataflows.clear();
  return machine;
}

}  // namespace bitjoule
