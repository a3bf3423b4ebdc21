// One machine and the simulation that it lives in.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hw/accelerator.h"
#include "hw/context.h"

namespace bitjoule {

/// Any number of them may exist in a process; they run one after the other, on one thread. After an
/// error the machine is built anew.
class Simulation {
 public:
  Simulation(const AcceleratorConfig& machine, const DramConfig& dram, Fidelity fidelity);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// As Accelerator::run().
  LayerOutcome run(const MappingProblem& problem, const Program& program, LayerValues* values,
                   Trace* trace = nullptr, const LayerNeighbours& neighbours = {},
                   const std::function<void(std::int64_t macs)>& progress = {});

  /// What the cycles of a layer depend on but for the layer: a text (key.h).
  const std::string& key() const { return key_; }
  const AcceleratorConfig& config() const { return machine_; }
  const MemoryPort& memory() const { return memory_; }
  double seconds(Cycles cycles) const { return clock_.seconds(cycles); }

 private:
  void build();
  void destroy();

  AcceleratorConfig machine_;
  DramConfig dram_;
  Fidelity fidelity_;
  MemoryPort memory_;
  Clock clock_;
  std::string key_;
  std::unique_ptr<SimulationContext> context_;
  std::unique_ptr<Accelerator> accelerator_;
};

}  // namespace bitjoule
