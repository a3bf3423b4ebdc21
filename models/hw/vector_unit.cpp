#include "hw/vector_unit.h"

#include <algorithm>
#include <utility>

#include "core/mapping/machine_counts.h"

namespace bitjoule {

namespace {

/// As the trace calls it.
const char* job_name(const VectorJob& job) {
  if (job.held_inputs > Bits(0)) return "softmax of a tile";
  if (!job.yields) return "rescale";
  return job.computes_needed > 0 ? "results" : "chunk";
}

}  // namespace

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
  to_accumulator_buffer->access(std::exchange(done.accumulator, {}));
  to_scale_buffer->access(std::exchange(done.scale, {}));
  *run_.counts += done;
  if (run_.trace != nullptr) run_.trace->add("vector unit", job_name(job), begin, free_);
  if (run_.program->fused()) {  // cycles are the array's, and what it waits for
    to_sequencer->give(Token::kVectorBegun, begin);
    to_sequencer->give(Token::kVectorDone, free_);
    if (job.yields) to_sequencer->give(Token::kOutput, free_);
    return;
  }
  run_.attribution->fill(begin);
  run_.attribution->cover(Cause::kVector, job.cycles.value);
  to_sequencer->give(Token::kAccepted, begin);
  to_sequencer->give(Token::kReleased, free_);
  to_sequencer->give(Token::kOutput, free_);
}

}  // namespace bitjoule
