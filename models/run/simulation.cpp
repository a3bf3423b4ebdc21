#include "run/simulation.h"

#include "run/key.h"

namespace bitjoule {

Simulation::Simulation(const AcceleratorConfig& machine, const DramConfig& dram, Fidelity fidelity)
    : machine_(machine),
      dram_(dram),
      fidelity_(fidelity),
      memory_(memory_port(dram, machine.clock)),
      clock_(Clock::from_frequency(machine.clock)),
      key_(key_text(machine) + key_text(dram) + key_text(fidelity)) {
  build();
}

Simulation::~Simulation() { destroy(); }

void Simulation::build() {
  context_ = std::make_unique<SimulationContext>();
  const SimulationContext::Use use(*context_);
  accelerator_ = std::make_unique<Accelerator>("accelerator", machine_, dram_, fidelity_);
}

void Simulation::destroy() {
  const SimulationContext::Use use(*context_);
  accelerator_.reset();
}

LayerOutcome Simulation::run(const MappingProblem& problem, const Program& program,
                             LayerValues* values, Trace* trace, const LayerNeighbours& neighbours,
                             const std::function<void(std::int64_t macs)>& progress) {
  try {
    const SimulationContext::Use use(*context_);
    return accelerator_->run(problem, program, values, trace, neighbours, progress);
  } catch (...) {  // what is left of it is in no state to go on
    destroy();
    build();
    throw;
  }
}

}  // namespace bitjoule
