// The whole machine: the one place where modules are built and bound.
#pragma once

#include <functional>
#include <memory>
#include <systemc>
#include <tlm>

#include "core/mapping/memory_port.h"
#include "core/mapping/neighbours.h"
#include "core/result/layer_outcome.h"
#include "hw/array_fast.h"
#include "hw/array_pe.h"
#include "hw/buffer.h"
#include "hw/core_clock.h"
#include "hw/dequantizer.h"
#include "hw/dma.h"
#include "hw/dram.h"
#include "hw/output_unit.h"
#include "hw/sequencer.h"
#include "hw/vector_unit.h"

namespace bitjoule {

class Accelerator : public sc_core::sc_module {
 public:
  /// To the memory: bound within to a DRAM of the machine's own, or by the platform to one of its.
  tlm::tlm_initiator_socket<> to_dram;

  /// With a DRAM of its own. Throws an input Error for values out of their ranges.
  Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config, const DramConfig& dram,
              Fidelity fidelity);
  /// Without: the platform binds `to_dram` to a Dram, to a MemoryArbiter before one, or to a target
  /// of its own that takes whole, aligned bursts. `memory` is what mapping knows of it
  /// (memory_port() of a DramConfig).
  Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config,
              const MemoryPort& memory, Fidelity fidelity);

  /// Either: `dram` is of its own, and `memory` its port; null: the platform's.
  Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config,
              const MemoryPort& memory, const DramConfig* dram, Fidelity fidelity);

  const MemoryPort& memory() const { return memory_; }

  /// Runs one layer from the machine's idle state to the last byte written back, advancing
  /// simulated time until nothing is left to happen. `values`, `trace` and `progress` (told now and
  /// then of the MACs done) may be null. Throws an internal Error that prints every queue if
  /// nothing progresses any more. A unified buffer is divided for the problem; where the division
  /// of the next layer has its weights elsewhere, none of them are fetched ahead.
  LayerOutcome run(const MappingProblem& problem, const Program& program, LayerValues* values,
                   Trace* trace = nullptr, const LayerNeighbours& neighbours = {},
                   const std::function<void(std::int64_t macs)>& progress = {});

  /// The two halves of run(), between which the platform advances time: its own processes, and
  /// other accelerators, work meanwhile. The layer's cycle 0 is an edge of the core clock that is
  /// now. Everything given must live until finish().
  void begin(const MappingProblem& problem, const Program& program, LayerValues* values,
             Trace* trace = nullptr, const LayerNeighbours& neighbours = {},
             const std::function<void(std::int64_t macs)>& progress = {});
  /// Notified one core cycle after the last result is stored; finish() may be called from then on.
  const sc_core::sc_event& finished() const { return sequencer_.finished(); }
  /// What came of the layer. Of a memory that is not the machine's own, `dram` of it is empty: its
  /// owner knows what it did. Throws as run().
  LayerOutcome finish();

  const CoreClock& clock() const { return clock_; }

 private:
  /// A layer under way.
  struct Job {
    const MappingProblem* problem = nullptr;
    LayerNeighbours neighbours;
    Trace* trace = nullptr;
    bool uses_array = false;
    LayerOutcome outcome;
    Attribution attribution;
  };

  Buffer& buffer(BufferRole role);
  void bind_operands(OperandPorts& operands);
  static void trace_causes(const LayerRun& run);

  AcceleratorConfig config_;
  MemoryPort memory_;
  CoreClock clock_;
  Buffer input_buffer_, weight_buffer_, scale_buffer_, accumulator_buffer_, output_buffer_;
  Dequantizer dequantizer_;
  Sequencer sequencer_;
  Dma dma_;
  OutputUnit output_unit_;
  VectorUnit vector_unit_;
  std::unique_ptr<ArrayFast> array_fast_;  // one of the two
  std::unique_ptr<ArrayPe> array_pe_;
  std::unique_ptr<Dram> dram_;  // or null
  std::unique_ptr<Job> job_;
};

}  // namespace bitjoule
