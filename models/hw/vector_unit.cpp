#include "hw/vector_unit.h"

#include <algorithm>

namespace bitjoule {

VectorUnit::VectorUnit(sc_core::sc_module_name name)
    : sc_module(name), from_sequencer("from_sequencer"), to_sequencer("to_sequencer") {
  from_sequencer.bind(*this);
}

void VectorUnit::start(const LayerRun& run) {
  run_ = run;
  free_ = Cycles(0);
}

void VectorUnit::issue(const VectorJob& job, Cycles usable) {
  const Cycles begin = std::max(usable, free_);
  free_ = begin + job.cycles;
  const auto read = [](sc_core::sc_port<BufferIf>& buffer, std::int64_t bits) {
    buffer->read(buffer->accesses(Bits(bits)));
  };
  read(to_input_buffer, job.input_read_bits);
  read(to_weight_buffer, job.weight_read_bits);
  to_input_buffer->write(to_input_buffer->accesses(Bits(job.input_write_bits)));
  to_output_buffer->write(to_output_buffer->accesses(Bits(job.output_write_bits)));
  MachineCounts& counts = *run_.counts;
  for (std::size_t i = 0; i < kVectorPrimitives; ++i) counts.vector[i] += job.work[i];
  counts.vector_widened += job.widened;
  counts.vector_narrowed += job.narrowed;
  run_.attribution->fill(begin);
  run_.attribution->cover(Cause::kVector, job.cycles.value);
  if (run_.trace != nullptr) run_.trace->add("vector unit", "chunk", begin, free_);
  to_sequencer->give(Token::kAccepted, begin);
  to_sequencer->give(Token::kReleased, free_);
  to_sequencer->give(Token::kOutput, free_);
}

}  // namespace bitjoule
