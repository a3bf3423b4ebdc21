// One machine and the simulation that it lives in, behind an interface without SystemC.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/clock.h"
#include "core/dram/checked.h"
#include "core/exec/layer_values.h"
#include "core/interrupt.h"
#include "core/machine/checked.h"
#include "core/mapping/attention.h"
#include "core/mapping/mapper.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/neighbours.h"
#include "core/mapping/program.h"
#include "core/result/layer_outcome.h"
#include "core/result/trace.h"
#include "run/key.h"

namespace bitjoule {

/// Fused attention on the machine.
struct AttentionPlan {
  AttentionProblem problem;  ///< configured
  AttentionTiling tiling;
};

/// A layer as the machine runs it.
struct LayerProgram {
  MappingProblem problem;
  Mapping mapping;  ///< of a layer with MACs
  Program program;  ///< of such a layer none where nothing but an estimate is asked for
  /// What its cycles depend on but for the machine, as a text (key.h); empty: not known.
  std::string key = {};
  std::shared_ptr<const AttentionPlan> attention = {};  ///< of a fused one
};

/// Any number of them may exist in a process; they run one after the other, on one thread.
class Simulation {
 public:
  /// Throws an input Error for values out of their ranges.
  Simulation(const AcceleratorConfig& machine, const DramConfig& dram, Fidelity fidelity)
      : machine_(checked(machine)),
        memory_(memory_port(checked(dram), machine_.clock)),
        clock_(Clock::from_frequency(machine_.clock)),
        key_(key_text(machine_) + key_text(dram) + key_text(fidelity)) {}
  virtual ~Simulation() = default;
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// As Accelerator::run(). After an error the machine is built anew. What stops the caller's
  /// thread (core/interrupt.h) stops the machine.
  LayerOutcome run(const LayerProgram& layer, LayerValues* values, Trace* trace,
                   const LayerNeighbours& neighbours,
                   const std::function<void(std::int64_t macs)>& progress) {
    return simulate(layer, values, trace, neighbours, progress, interrupt_check());
  }

  /// What the cycles of a layer depend on but for the layer: a text (key.h).
  const std::string& key() const { return key_; }
  const AcceleratorConfig& config() const { return machine_; }
  const MemoryPort& memory() const { return memory_; }
  double seconds(Cycles cycles) const { return clock_.seconds(cycles); }

 protected:
  virtual LayerOutcome simulate(const LayerProgram& layer, LayerValues* values, Trace* trace,
                                const LayerNeighbours& neighbours,
                                const std::function<void(std::int64_t macs)>& progress,
                                const std::function<void()>& check) = 0;

 private:
  AcceleratorConfig machine_;
  MemoryPort memory_;
  Clock clock_;
  std::string key_;
};

/// The machine in whatever fidelity: an estimate needs no SystemC.
std::shared_ptr<Simulation> make_machine(const AcceleratorConfig& machine, const DramConfig& dram,
                                         Fidelity fidelity);

/// The machine as SystemC modules. A program may link its own functions of these names instead, and
/// with them leave SystemC to be loaded when something runs on a machine.
std::shared_ptr<Simulation> make_simulation(const AcceleratorConfig& machine,
                                            const DramConfig& dram, Fidelity fidelity);
/// Loads what make_simulation() needs, once for all processes that are forked afterwards.
void prepare_simulation();

}  // namespace bitjoule
