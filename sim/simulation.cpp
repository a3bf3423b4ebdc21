// The program loads SystemC, and with it the machine in time, when it simulates: what does not,
// starts in half the time.
#include "sim/modules/simulation.h"

#include "sim/system/module.h"

namespace bitjoule {
namespace {

const SimulationModule& simulation_module() {
  return module_table<SimulationModule>("simulation", "the simulation");
}

/// The machine of the module, made when something runs on it: what is known, or refused, before
/// needs no SystemC.
class ModuleSimulation : public Simulation {
 public:
  ModuleSimulation(const AcceleratorConfig& machine, const DramConfig& dram, Fidelity fidelity)
      : Simulation(machine, dram, fidelity), dram_(dram), fidelity_(fidelity) {}

 protected:
  LayerOutcome simulate(const LayerProgram& layer, LayerValues* values, Trace* trace,
                        const LayerNeighbours& neighbours,
                        const std::function<void(std::int64_t macs)>& progress,
                        const std::function<void()>&) override {
    if (machine_ == nullptr) machine_ = simulation_module().make(config(), dram_, fidelity_);
    return machine_->run(layer, values, trace, neighbours, progress);
  }

 private:
  DramConfig dram_;
  Fidelity fidelity_;
  std::shared_ptr<Simulation> machine_;
};

}  // namespace

std::shared_ptr<Simulation> make_simulation(const AcceleratorConfig& machine,
                                            const DramConfig& dram, Fidelity fidelity) {
  return std::make_shared<ModuleSimulation>(machine, dram, fidelity);
}

void prepare_simulation() { simulation_module(); }

}  // namespace bitjoule
