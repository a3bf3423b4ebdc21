#include "hw/array_fast.h"

#include <algorithm>

#include "core/mapping/folds.h"

namespace bitjoule {

ArrayFast::ArrayFast(sc_core::sc_module_name name)
    : sc_module(name), from_sequencer("from_sequencer"), to_sequencer("to_sequencer") {
  from_sequencer.bind(*this);
}

void ArrayFast::start(const LayerRun& run) {
  run_ = run;
  free_ = Cycles(0);
  set_up(*run.problem);
  if (counts_operands(run))
    activity_.emplace(*run.problem);
  else
    activity_.reset();
  if (run.trace != nullptr) active_pes_ = run.trace->add_signal("array.active_pes", 32);
}

void ArrayFast::set_up(const MappingProblem& problem) {
  timeline_ = std::make_unique<ArrayTimeline>(problem.machine.array.overlap,
                                              array_rates(problem, run_.program->groups_at_once));
}

/// An operation of a fused layer finds the array empty: the one before has drained.
void ArrayFast::begin_anew(const MappingProblem& problem, Cycles& usable) {
  if (free_ > Cycles(0)) timeline_->drain(*run_.attribution);
  usable = std::max(usable, free_);
  set_up(problem);
}

void ArrayFast::issue(const ComputeOp& op, Cycles usable) {
  const MappingProblem& problem = problem_of(*run_.problem, *run_.program, op);
  if (run_.program->fused()) begin_anew(problem, usable);
  Cycles accepted{-1};
  MachineCounts done;
  if (activity_) run_.values->load_panels(op.tile);
  for_each_fold(problem, op.tile, [&](const FoldJob& job) {
    const FoldTimes times = timeline_->issue(usable.value, job.timing, run_.attribution);
    if (accepted < Cycles(0)) accepted = Cycles(times.load_begin);
    count_fold(problem, job, done);
    if (activity_) activity_->count(*run_.values, op.tile, job, done.operands);
    if (run_.trace != nullptr) {
      run_.trace->change(active_pes_, Cycles(times.stream_begin), job.shape.active_pes());
      run_.trace->change(active_pes_, Cycles(times.stream_end), 0);
    }
  });
  operands.report(done, *run_.counts);
  if (run_.values != nullptr) run_.values->compute_tile(op.tile);
  if (run_.progress) run_.progress(run_.counts->macs);
  if (run_.trace != nullptr)
    run_.trace->add("array", tile_name(op.tile), accepted, Cycles(timeline_->last().end));
  to_sequencer->give(Token::kAccepted, accepted);
  to_sequencer->give(Token::kReleased, Cycles(timeline_->last().stream_end));
  free_ = Cycles(timeline_->out_end());
  to_sequencer->give(Token::kComputed, free_);
}

}  // namespace bitjoule
