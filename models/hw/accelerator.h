// The whole machine: the one place where modules are built and bound.
#pragma once

#include <functional>
#include <memory>
#include <systemc>

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
  Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config, const DramConfig& dram,
              Fidelity fidelity);

  const MemoryPort& memory() const { return memory_; }

  /// Runs one layer from the machine's idle state to the last byte written back, advancing
  /// simulated time. `values`, `trace` and `progress` (told now and then of the MACs done) may be
  /// null. Throws an internal Error that prints every queue if nothing progresses any more.
  /// A unified buffer is divided for the problem; where the division of the next layer has its
  /// weights elsewhere, none of them are fetched ahead.
  LayerOutcome run(const MappingProblem& problem, const Program& program, LayerValues* values,
                   Trace* trace = nullptr, const LayerNeighbours& neighbours = {},
                   const std::function<void(std::int64_t macs)>& progress = {});

  const CoreClock& clock() const { return clock_; }

 private:
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
  Dram dram_;
};

}  // namespace bitjoule
