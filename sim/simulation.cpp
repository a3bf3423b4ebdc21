// The program loads SystemC, and with it the machine in time, when it simulates: what does not,
// starts in half the time.
#include "sim/modules/simulation.h"

#include "sim/system/module.h"

namespace bitjoule {

std::shared_ptr<Simulation> make_simulation(const AcceleratorConfig& machine,
                                            const DramConfig& dram, Fidelity fidelity) {
  return module_table<SimulationModule>("simulation", "the simulation")
      .make(machine, dram, fidelity);
}

}  // namespace bitjoule
