// What of a machine is set anew for each layer.
#pragma once

#include <vector>

#include "core/machine/machine.h"

namespace bitjoule {

struct MachineSetting {
  Dataflow dataflow = Dataflow::kWeightStationary;
};

/// All that a machine can be set to, what it names first in front.
std::vector<MachineSetting> settings(const AcceleratorConfig& machine);

/// The machine as set up for a layer: it has that setting alone.
AcceleratorConfig configured(AcceleratorConfig machine, const MachineSetting& setting);

}  // namespace bitjoule
