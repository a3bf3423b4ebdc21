// The machine of `fidelity: estimate`: what it does follows without events.
#include <memory>

#include "core/error.h"
#include "core/result/estimated_outcome.h"
#include "run/simulation.h"

namespace bitjoule {
namespace {

class Estimation : public Simulation {
 public:
  using Simulation::Simulation;

  LayerOutcome simulate(const LayerProgram& layer, LayerValues* values, Trace* trace,
                        const LayerNeighbours& neighbours,
                        const std::function<void(std::int64_t macs)>&,
                        const std::function<void()>&) override {
    if (values != nullptr || trace != nullptr || neighbours.next != nullptr)
      throw internal_error("an estimate has no values, no trace and no neighbours");
    return layer.program.vectors.empty() ? estimated_outcome(layer.problem, layer.mapping)
                                         : estimated_outcome(layer.problem, layer.program);
  }
};

}  // namespace

std::shared_ptr<Simulation> make_machine(const AcceleratorConfig& machine, const DramConfig& dram,
                                         Fidelity fidelity) {
  if (fidelity == Fidelity::kEstimate) return std::make_shared<Estimation>(machine, dram, fidelity);
  return make_simulation(machine, dram, fidelity);
}

}  // namespace bitjoule
