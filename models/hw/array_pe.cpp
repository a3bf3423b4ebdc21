#include "hw/array_pe.h"

#include <algorithm>

#include "core/error.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kReportedPeCycles = 1 << 20;  // some tens of milliseconds

}  // namespace

ArrayPe::ArrayPe(sc_core::sc_module_name name, const CoreClock& clock, const ArrayConfig& config)
    : sc_module(name),
      from_sequencer("from_sequencer"),
      to_sequencer("to_sequencer"),
      clock_(clock),
      config_(config) {
  from_sequencer.bind(*this);
  // The same grid with two kinds of multiplier: a layer uses one of them.
  integer_grid_ = make_integer_grid(config);
  float_grid_ = make_float_grid(config);
  SC_HAS_PROCESS(ArrayPe);
  SC_METHOD(tick);
  sensitive << tick_event_;
  dont_initialize();
}

ArrayPe::~ArrayPe() {
  float_grid_.reset();  // the one built last
}

void ArrayPe::set_up(const MappingProblem& problem) {
  problem_ = &problem;
  rates_ = array_rates(problem, run_.program->groups_at_once);
  grid_ = grid_of(problem);
  dataflow_ = &pe_dataflow(problem.machine.array.dataflow);
  grid_->begin(*dataflow_,
               PeRules{adds_in_tree(problem), counts_operands(run_), west_code(problem),
                       north_code(problem)},
               problem.path.macs_per_pe, run_.values != nullptr);
  stream_end_ = stream_rows_ = 0;
}

void ArrayPe::start(const LayerRun& run) {
  run_ = run;
  set_up(*run.problem);
  if (run.trace != nullptr) {
    active_pes_ = run.trace->add_signal("array.active_pes", 32);
    if (run.trace->has_signals()) {
      for (const auto& product : run.program->products)
        if (grid_of(*product) != grid_)
          throw input_error(
              "trace: signals of PEs are of one kind, and the products of this layer meet integers "
              "and floats");
      grid_->begin_trace(*run.trace);
    }
  }
  queue_.clear();
  folds_ = 0;
  last_shifted_ = 0;
  tail_end_ = last_out_ = Cycles(0);
}

void ArrayPe::issue(const ComputeOp& op, Cycles usable) {
  auto tile = std::make_shared<PeTile>();
  tile->tile = op.tile;
  if (run_.values != nullptr) {
    run_.values->load_panels(op.tile);
    tile->values = true;
    tile->integer_inputs = run_.values->integer_inputs();
    tile->integer_weights = run_.values->integer_weights();
    tile->float_inputs = run_.values->float_inputs();
    tile->float_weights = run_.values->float_weights();
  }
  Waiting waiting;
  waiting.tile = tile;
  waiting.usable = usable;
  waiting.problem = &problem_of(*run_.problem, *run_.program, op);
  for_each_fold(*waiting.problem, op.tile,
                [&](const FoldJob& job) { waiting.folds.push_back(job); });
  queue_.push_back(std::move(waiting));
  tick_event_.notify(clock_.until(usable));
}

bool ArrayPe::tails_done() const {
  return std::all_of(tails_.begin(), tails_.end(), [](const auto& t) { return t->tail_left == 0; });
}

/// An operation of a fused layer finds the array empty: the one before has drained.
bool ArrayPe::begin_anew(Cycles now) {
  Waiting& waiting = queue_.front();
  if (!run_.program->fused() || waiting.next > 0) return true;
  if (streaming_ != nullptr || !tails_.empty()) return false;
  finish();
  set_up(*waiting.problem);
  waiting.usable = now;
  return true;
}

bool ArrayPe::begin_load(Cycles now) {
  if (loading_ != nullptr || queue_.empty() || queue_.front().usable > now) return false;
  if (!begin_anew(now)) return false;
  const bool beside_stream =
      config_.overlap == Overlap::kWeights || config_.overlap == Overlap::kFull;
  if (!beside_stream && streaming_ != nullptr) return false;
  if (config_.overlap == Overlap::kNone && !tails_done()) return false;
  // Only without overlap may the array itself have held the fold until now.
  run_.attribution->gap(tail_end_, config_.overlap == Overlap::kNone ? tail_end_ : Cycles(0), now);
  Waiting& waiting = queue_.front();
  loading_ = std::make_shared<Active>();
  Active& a = *loading_;
  a.fold.job = waiting.folds[waiting.next];
  a.fold.tile = waiting.tile;
  a.fold.macs_per_pe = problem_->path.macs_per_pe;
  a.fold.interval = rates_.stream_interval;
  a.fold.drain_interval = rates_.drain_interval;
  a.fold.number = ++folds_;
  a.first = waiting.next == 0;
  if (a.first) accepted_ = now;
  a.accepted = accepted_;
  a.last = ++waiting.next == waiting.folds.size();
  const Fold& timing = a.fold.job.timing;
  a.rows_left = timing.load_rows;
  // The dequantizer began with the operation's operands when they were there.
  const std::int64_t waited = now.value - waiting.usable.value;
  a.latency_left =
      timing.load_rows > 0 ? std::max<std::int64_t>(0, rates_.load_latency - waited) : 0;
  a.row_wait = rates_.load_interval - 1;
  a.extra_left = std::max<std::int64_t>(
      0, rates_.stream_latency - waited - a.latency_left - timing.load_rows * rates_.load_interval);
  if (a.first) to_sequencer->give(Token::kAccepted, now);
  if (a.last) queue_.pop_front();  // `waiting` is gone
  operands.to_scale_buffer->read(fold_scale_reads(*problem_, a.fold.job));
  return true;
}

std::int64_t ArrayPe::results_lead(Cycles now) const {
  const Fold& timing = loading_->fold.job.timing;
  // The foot of a column passes results in order.
  const std::int64_t ahead = stream_end_ + std::max<std::int64_t>(0, stream_rows_ - timing.rows);
  return now.value + (timing.drains ? timing.steps * rates_.stream_interval : 0) - ahead;
}

bool ArrayPe::begin_stream(Cycles now) {
  if (loading_ == nullptr || !loading_->loaded() || streaming_ != nullptr) return false;
  if (!follows() && !tails_done()) return false;
  const Fold& timing = loading_->fold.job.timing;
  const std::int64_t shifts = timing.drains ? rates_.drain(stream_rows_, true) : 0;
  if (results_lead(now) < shifts) return false;
  streaming_ = std::move(loading_);
  streaming_->steps_left = timing.steps;
  streaming_->step_wait = rates_.stream_interval - 1;
  if (run_.trace != nullptr)
    run_.trace->change(active_pes_, now, streaming_->fold.job.shape.active_pes());
  streaming_->fold.first_step = now.value + rates_.stream_interval - 1;
  return true;
}

ArrayPe::Held ArrayPe::stream_waits(Cycles now) const {
  const std::int64_t lead = results_lead(now);
  if ((!follows() && !tails_done()) || lead < 0) return {Cause::kFillDrain, Cause::kFillDrain};
  // The drain registers are not empty. At one row per cycle they might be.
  return {lead < stream_rows_ ? Cause::kFillDrain : Cause::kOutput, rates_.drain_holds()};
}

ArrayPe::Held ArrayPe::advance_load() {
  Active& a = *loading_;
  if (a.latency_left > 0) {
    --a.latency_left;
    return {Cause::kDequantizer, Cause::kDequantizer};
  }
  if (a.rows_left == 0) {
    --a.extra_left;
    return {Cause::kDequantizer, Cause::kDequantizer};
  }
  if (a.row_wait > 0) {
    --a.row_wait;
    return {rates_.load_cause, rates_.load_holds()};
  }
  const std::int64_t row = a.fold.job.timing.load_rows - a.rows_left;
  grid_->enter_row(a.fold, row);
  row_entered(a.fold.job, row);
  --a.rows_left;
  a.row_wait = rates_.load_interval - 1;
  return {Cause::kWeightLoad, rates_.load_holds()};
}

ArrayPe::Held ArrayPe::advance_stream(Cycles now) {
  Active& a = *streaming_;
  if (a.step_wait > 0) {
    --a.step_wait;
    return {rates_.stream_cause, rates_.stream_holds()};
  }
  const Fold& timing = a.fold.job.timing;
  const std::int64_t step = timing.steps - a.steps_left;
  grid_->enter_step(a.fold, step);
  step_entered(a.fold.job, step);
  a.step_wait = rates_.stream_interval - 1;
  if (--a.steps_left == 0) {
    stream_end_ = now.value + 1;
    if (run_.trace != nullptr) run_.trace->change(active_pes_, Cycles(stream_end_), 0);
    stream_rows_ = timing.rows;
    a.tail_left = timing.rows + timing.cols - 2 + 1;  // this cycle is not over yet
    tail_end_ = std::max(tail_end_, Cycles(stream_end_ + timing.rows + timing.cols - 2));
    last_shifted_ = std::max(last_shifted_, stream_end_ + timing.rows + timing.cols - 2 +
                                                (timing.drains ? timing.rows : 1));
    a.drain_left = rates_.drain(timing.rows, timing.drains);
    if (a.last && run_.trace != nullptr)
      run_.trace->add("array", tile_name(a.fold.tile->tile), a.accepted,
                      Cycles(stream_end_ + timing.rows + timing.cols - 2));
    if (a.last) to_sequencer->give(Token::kReleased, Cycles(stream_end_));
    tails_.push_back(std::move(streaming_));
  }
  return {Cause::kArrayBusy, rates_.stream_holds()};
}

void ArrayPe::advance_tails(Cycles now) {
  for (auto& t : tails_) {
    if (t->tail_left > 0)
      --t->tail_left;
    else if (t->drain_left > 0)
      --t->drain_left;
    if (t->tail_left == 0 && t->drain_left == 0) last_out_ = std::max(last_out_, now + Cycles(1));
  }
  // Operations end in order: a small fold behind a large one waits for it.
  while (!tails_.empty() && tails_.front()->tail_left == 0 && tails_.front()->drain_left == 0) {
    grid_->forget(tails_.front()->fold);
    if (tails_.front()->last) to_sequencer->give(Token::kComputed, now + Cycles(1));
    tails_.pop_front();
  }
}

void ArrayPe::tick() {
  const Cycles now = clock_.now();
  bool moved = true;
  while (moved) moved = begin_stream(now) || begin_load(now);

  Held held{Cause::kFillDrain, Cause::kFillDrain};
  bool active = false;  // with neither load nor stream, the next load says why it came so late
  if (loading_ != nullptr) {
    active = true;
    held = loading_->loaded() ? stream_waits(now) : advance_load();
  }
  if (streaming_ != nullptr) {
    active = true;
    held = advance_stream(now);
  }
  // What the registers held before this clock edge is written with it.
  for (const auto& t : tails_) grid_->collect(t->fold, now.value, *this, *run_.counts);
  if (streaming_ != nullptr) grid_->collect(streaming_->fold, now.value, *this, *run_.counts);
  grid_->step(now.value, *run_.counts);
  unreported_ += config_.rows * config_.cols;
  if (unreported_ >= kReportedPeCycles) {
    check_interrupt();
    if (run_.progress) run_.progress(run_.counts->macs);
    unreported_ = 0;
  }
  if (run_.trace != nullptr && run_.trace->has_signals()) grid_->trace(*run_.trace, now);
  if (active) run_.attribution->cover(held.cause, held.holds, 1);
  advance_tails(now);
  if (loading_ != nullptr || streaming_ != nullptr || !tails_.empty())
    tick_event_.notify(clock_.until(now + Cycles(1)));
  else if (!queue_.empty())
    tick_event_.notify(clock_.until(std::max(queue_.front().usable, now + Cycles(1))));
}

/// Words that enter side by side at an edge in one cycle, `at(i)` the i-th, if there is one.
template <class F>
void ArrayPe::entered(const FoldJob& job, std::int64_t width, F at) {
  const MappingProblem& p = *problem_;
  const std::int64_t macs = p.path.macs_per_pe;
  bool inputs = false;
  std::int64_t words = 0, elements = 0;
  for (std::int64_t i = 0; i < width; ++i) {
    const std::optional<EdgeWord> word = at(i);
    if (!word) continue;
    inputs = word->inputs;
    ++words;
    elements += std::min(macs, job.k() - word->word * macs);
  }
  if (inputs) {
    operands.read_inputs(words * macs * p.path.activations.code_bits);
    if (p.path.activations.dequantized) operands.to_dequantizer->pass(0, elements);
    if (p.path.weights.zero_points) run_.counts->activation_sums += elements;
  } else {
    operands.read_weights(words * macs * weight_read_bits(p));
    if (dequantizes_at_edge(p)) operands.to_dequantizer->pass(elements, 0);
  }
}

void ArrayPe::row_entered(const FoldJob& job, std::int64_t row) {
  if (row >= job.shape.rows) return;
  entered(job, job.shape.cols, [&](std::int64_t c) { return dataflow_->north(job, c, row); });
}

void ArrayPe::step_entered(const FoldJob& job, std::int64_t step) {
  entered(job, job.shape.rows,
          [&](std::int64_t r) { return std::optional(dataflow_->west(job, r, step)); });
  if (dataflow_->outputs_stay())
    entered(job, job.shape.cols, [&](std::int64_t c) { return dataflow_->north(job, c, step); });
  run_.counts->mac_slots += config_.rows * config_.cols * problem_->path.macs_per_pe;
}

template <class Sum>
void ArrayPe::deliver(const FoldInFlight& fold, std::int64_t column, std::int64_t index, Sum sum,
                      bool overflow) {
  const FoldJob& job = fold.job;
  const MappingProblem& p = *problem_;
  MachineCounts& counts = *run_.counts;
  const std::optional<ResultPlace> place = dataflow_->result(job, column, index);
  if (!place) return;
  ++counts.moves[ArrayMove::kSumExit];
  const bool further = job.k0 > 0;
  // The results of a step leave skewed, and are written as one wide row; those that stayed in a row
  // of PEs are of one group.
  const std::int64_t width = dataflow_->outputs_stay() ? job.shape.block_cols() : job.shape.cols;
  if (column % width == 0) {
    const std::int64_t row = operands.to_accumulator_buffer->accesses(Bits(width * 32));
    operands.to_accumulator_buffer->access({further ? row : 0, row});
  }
  if (further) ++counts.accumulations;
  if (p.path.scale_group != 0) ++counts.group_results;
  if (p.path.weights.zero_points) ++counts.corrections;
  if (run_.values == nullptr) return;
  if (overflow) run_.values->report_overflow();
  run_.values->add_result(fold.tile->tile, job, *place, sum);
}

void ArrayPe::finish() {
  Attribution& attribution = *run_.attribution;
  attribution.cover_until(tail_end_.value, Cause::kFillDrain, Cause::kFillDrain);
  attribution.cover_until(last_shifted_, Cause::kFillDrain, rates_.drain_holds());
  attribution.cover_until(last_out_.value, Cause::kOutput, rates_.drain_holds());
}

}  // namespace bitjoule
