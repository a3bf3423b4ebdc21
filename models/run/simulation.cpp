#include "run/simulation.h"

#include "hw/accelerator.h"
#include "hw/context.h"

namespace bitjoule {
namespace {

class SystemcSimulation : public Simulation {
 public:
  SystemcSimulation(const AcceleratorConfig& machine, const DramConfig& dram, Fidelity fidelity)
      : Simulation(machine, dram, fidelity), dram_(dram), fidelity_(fidelity) {
    build();
  }
  ~SystemcSimulation() override { destroy(); }
  SystemcSimulation(const SystemcSimulation&) = delete;
  SystemcSimulation& operator=(const SystemcSimulation&) = delete;

  LayerOutcome simulate(const LayerProgram& layer, LayerValues* values, Trace* trace,
                        const LayerNeighbours& neighbours,
                        const std::function<void(std::int64_t macs)>& progress,
                        const std::function<void()>& check) override {
    const InterruptScope scope(check);
    try {
      const SimulationContext::Use use(*context_);
      return accelerator_->run(layer.problem, layer.program, values, trace, neighbours, progress);
    } catch (...) {  // what is left of it is in no state to go on
      destroy();
      build();
      throw;
    }
  }

 private:
  void build() {
    context_ = std::make_unique<SimulationContext>();
    const SimulationContext::Use use(*context_);
    accelerator_ =
        std::make_unique<Accelerator>("accelerator", config(), memory(), &dram_, fidelity_);
  }
  void destroy() {
    const SimulationContext::Use use(*context_);
    accelerator_.reset();
  }

  DramConfig dram_;
  Fidelity fidelity_;
  std::unique_ptr<SimulationContext> context_;
  std::unique_ptr<Accelerator> accelerator_;
};

}  // namespace

std::shared_ptr<Simulation> make_simulation(const AcceleratorConfig& machine,
                                            const DramConfig& dram, Fidelity fidelity) {
  return std::make_shared<SystemcSimulation>(machine, dram, fidelity);
}

void prepare_simulation() {}  // it is linked

}  // namespace bitjoule
