// What the program uses of the module "simulation", which holds SystemC and the modules in time.
#pragma once

#include "run/simulation.h"

namespace bitjoule {

struct SimulationModule {
  decltype(&make_simulation) make;
};

}  // namespace bitjoule
