// The program loads SystemC, and with it the machine in time, when it simulates: what does not,
// starts in half the time.
#include "sim/modules/simulation.h"

#include "sim/system/module.h"

namespace bitjoule {
namespace {

const SimulationModule& simulation_module() {
  return module_table<SimulationModule>("simulation", "the simulation");
}

}  // namespace

std::shared_ptr<Simulation> make_simulation(const AcceleratorConfig& machine,
                                            const DramConfig& dram, Fidelity fidelity) {
  return simulation_module().make(machine, dram, fidelity);
}

void prepare_simulation() { simulation_module(); }

}  // namespace bitjoule
