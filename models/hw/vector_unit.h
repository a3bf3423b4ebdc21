// The operators that are not MACs: reads chunks from the input and weight buffers and writes the
// output buffer. Of a fused layer, what lies between two products: there it reads and writes the
// accumulators, and writes the array's next inputs.
#pragma once

#include <systemc>

#include "hw/interfaces.h"

namespace bitjoule {

/// One chunk at a time, in the order of the program; the next may wait while one runs.
class VectorUnit : public sc_core::sc_module, public VectorUnitIf {
 public:
  sc_core::sc_export<VectorUnitIf> from_sequencer;
  sc_core::sc_port<TokenIf> to_sequencer;
  sc_core::sc_port<BufferIf> to_input_buffer, to_weight_buffer, to_output_buffer,
      to_accumulator_buffer, to_scale_buffer;

  explicit VectorUnit(sc_core::sc_module_name name);

  void start(const LayerRun& run);
  void issue(const VectorJob& job, Cycles usable) override;

 private:
  LayerRun run_;
  Cycles free_{0};
};

}  // namespace bitjoule
