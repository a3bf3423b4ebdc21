#include "hw/array_fast.h"

#include "core/mapping/folds.h"

namespace bitjoule {

ArrayFast::ArrayFast(sc_core::sc_module_name name)
    : sc_module(name), from_sequencer("from_sequencer"), to_sequencer("to_sequencer") {
  from_sequencer.bind(*this);
}

void ArrayFast::start(const LayerRun& run) {
  run_ = run;
  timeline_ = std::make_unique<ArrayTimeline>(
      run.problem->machine.array.overlap, array_rates(*run.problem, run.program->groups_at_once));
  if (counts_operands(run))
    activity_.emplace(*run.problem);
  else
    activity_.reset();
  if (run.trace != nullptr) active_pes_ = run.trace->add_signal("array.active_pes", 32);
}

void ArrayFast::issue(const ComputeOp& op, Cycles usable) {
  Cycles accepted{-1};
  MachineCounts done;
  if (activity_) run_.values->load_panels(op.tile);
  for_each_fold(*run_.problem, op.tile, [&](const FoldJob& job) {
    const FoldTimes times = timeline_->issue(usable.value, job.timing, run_.attribution);
    if (accepted < Cycles(0)) accepted = Cycles(times.load_begin);
    count_fold(*run_.problem, job, done);
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
  to_sequencer->give(Token::kComputed, Cycles(timeline_->out_end()));
}

}  // namespace bitjoule
