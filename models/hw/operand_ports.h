// Where the array reads its operands and writes its results; both fidelities have the same ports.
#pragma once

#include <systemc>
#include <utility>

#include "hw/interfaces.h"

namespace bitjoule {

struct OperandPorts {
  sc_core::sc_port<BufferIf> to_input_buffer{"to_input_buffer"},
      to_weight_buffer{"to_weight_buffer"}, to_scale_buffer{"to_scale_buffer"},
      to_accumulator_buffer{"to_accumulator_buffer"};
  sc_core::sc_port<DequantizerIf> to_dequantizer{"to_dequantizer"};

  void read_inputs(std::int64_t bits) {
    to_input_buffer->read(to_input_buffer->accesses(Bits(bits)));
  }
  void read_weights(std::int64_t bits) {
    to_weight_buffer->read(to_weight_buffer->accesses(Bits(bits)));
  }

  /// Tells each unit its part of what an operation did; the array's own is added to `counts`.
  void report(MachineCounts done, MachineCounts& counts) {
    to_input_buffer->access(std::exchange(done.input, {}));
    to_weight_buffer->access(std::exchange(done.weight, {}));
    to_scale_buffer->access(std::exchange(done.scale, {}));
    to_accumulator_buffer->access(std::exchange(done.accumulator, {}));
    to_dequantizer->pass(std::exchange(done.dequantized_weights, 0),
                         std::exchange(done.dequantized_inputs, 0));
    counts += done;
  }
};

}  // namespace bitjoule
