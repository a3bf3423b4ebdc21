#include "hw/vector_unit.h"

#include <algorithm>
#include <utility>

#include "core/mapping/machine_counts.h"

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
  MachineCounts done;
  count_vector(*run_.problem, job, done);
  to_input_buffer->access(std::exchange(done.input, {}));
  to_weight_buffer->access(std::exchange(done.weight, {}));
  to_output_buffer->access(std::exchange(done.output, {}));
  *run_.counts += done;
  run_.attribution->fill(begin);
  run_.attribution->cover(Cause::kVector, job.cycles.value);
  if (run_.trace != nullptr) run_.trace->add("vector unit", "chunk", begin, free_);
  to_sequencer->give(Token::kAccepted, begin);
  to_sequencer->give(Token::kReleased, free_);
  to_sequencer->give(Token::kOutput, free_);
}

}  // namespace bitjoule
