// Turns finished accumulators into the output format and writes them into the output buffer.
#pragma once

#include <systemc>

#include "hw/interfaces.h"

namespace bitjoule {

class OutputUnit : public sc_core::sc_module, public OutputUnitIf {
 public:
  sc_core::sc_export<OutputUnitIf> from_sequencer;
  sc_core::sc_port<TokenIf> to_sequencer;
  sc_core::sc_port<BufferIf> to_accumulator_buffer{"to_accumulator_buffer"},
      to_output_buffer{"to_output_buffer"}, to_scale_buffer{"to_scale_buffer"};

  explicit OutputUnit(sc_core::sc_module_name name);

  void start(const LayerRun& run) { run_ = run; }
  void issue(const OutputOp& op, Cycles usable) override;

 private:
  LayerRun run_;
};

}  // namespace bitjoule
