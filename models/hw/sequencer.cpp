#include "hw/sequencer.h"

#include <fmt/format.h>

namespace bitjoule {
Sequencer::Sequencer(sc_core::sc_module_name name, const CoreClock& clock)
    : sc_module(name),
      from_units("from_units"),
      to_array("to_array"),
      to_output_unit("to_output_unit"),
      to_vector_unit("to_vector_unit"),
      to_dma("to_dma"),
      clock_(clock) {
  from_units.bind(*this);
  SC_HAS_PROCESS(Sequencer);
  SC_METHOD(evaluate);
  sensitive << evaluate_event_;
  dont_initialize();
}

void Sequencer::start(const LayerRun& run) {
  run_ = run;
  given_ = {};
  residency_.start(*run.program, run.next);
  seen_.fill(0);
  load_head_.fill(0);
  ahead_head_ = compute_head_ = vector_head_ = output_head_ = store_head_ = 0;
  end_ = Cycles(0);
  finished_ = false;
  traced_.fill(0);
  static constexpr const char* kSignals[kTokenKinds] = {"input_buffer.tiles_loaded",
                                                        "weight_buffer.tiles_arrived",
                                                        "weight_buffer.tiles_loaded",
                                                        "array.tiles_accepted",
                                                        "array.tiles_released",
                                                        "accumulator_buffer.tiles_computed",
                                                        "output_buffer.tiles_ready",
                                                        "output_buffer.tiles_stored",
                                                        nullptr,  // traces are of single layers
                                                        nullptr,
                                                        "vector_unit.jobs_done"};
  const auto signals = [&](std::size_t i) {
    const bool has_jobs = run.program->fused() || static_cast<Token>(i) != Token::kVectorDone;
    return kSignals[i] != nullptr && has_jobs;
  };
  if (run.trace != nullptr)
    for (std::size_t i = 0; i < kTokenKinds; ++i)
      if (signals(i)) token_signals_[i] = run.trace->add_signal(kSignals[i], 32);
  run_.attribution->wait(Cycles(0), Cause::kDramRead);
  if (run.ahead != nullptr) take_over(*run.ahead);
  evaluate_event_.notify(sc_core::SC_ZERO_TIME);
}

/// Loads that are complete count as seen; those that a dequantizer still works on, when it is done.
void Sequencer::take_over(const WeightsAhead& ahead) {
  load_head_[1] = ahead.usable.size();
  seen_[static_cast<std::size_t>(Token::kWeightArrived)] =
      static_cast<std::int64_t>(ahead.usable.size());
  for (const Cycles usable : ahead.usable) {
    if (usable > Cycles(0)) {
      give(Token::kWeightLoaded, usable);
      continue;
    }
    std::int64_t& seen = seen_[static_cast<std::size_t>(Token::kWeightLoaded)];
    residency_.on_token(Token::kWeightLoaded, seen++, usable, to_buffers);
  }
}

void Sequencer::give(Token token, Cycles at) {
  if (run_.trace != nullptr && token != Token::kFetchedAhead && token != Token::kVectorBegun)
    trace_token(token, at);
  given_.push({at, token});
  // The earliest notification wins: a later token never delays an earlier one.
  evaluate_event_.notify(clock_.until(at + Cycles(1)));
}

/// Each kind of token is a counter in the trace.
void Sequencer::trace_token(Token token, Cycles at) {
  const auto kind = static_cast<std::size_t>(token);
  run_.trace->change(token_signals_[kind], at, ++traced_[kind]);
}

void Sequencer::evaluate() {
  const Cycles now = clock_.now();
  collect(now);
  issue(now);
  if (!given_.empty()) evaluate_event_.notify(clock_.until(given_.top().at + Cycles(1)));
  const Program& p = *run_.program;
  const bool was_finished = finished_;
  finished_ = seen(Token::kStored) == static_cast<std::int64_t>(p.stores.size()) && given_.empty();
  if (finished_ && !was_finished) finished_event_.notify();
  run_.attribution->wait(now + Cycles(1), present_cause());
}

void Sequencer::collect(Cycles now) {
  while (!given_.empty() && given_.top().at < now) {
    const auto [at, token] = given_.top();
    residency_.on_token(token, seen(token), at, to_buffers);
    resolve_wait(token);
    ++seen_[static_cast<std::size_t>(token)];
    end_ = at;
    given_.pop();
  }
}

/// What held a transfer up is what the next tile waited for, if it waited for that transfer.
void Sequencer::resolve_wait(Token token) {
  using Transfers = Attribution::Transfers;
  if (token != Token::kInputLoaded && token != Token::kWeightArrived && token != Token::kStored)
    return;
  const Cause was = token == Token::kStored ? Cause::kDramWrite : Cause::kDramRead;
  const Transfers kind = token == Token::kStored        ? Transfers::kResults
                         : token == Token::kInputLoaded ? Transfers::kInputs
                                                        : Transfers::kWeights;
  const Cause is = run_.attribution->take(kind, was);
  if (present_cause() != was) return;
  const auto needs = [&](const auto& op) {
    return seen(token) < (token == Token::kInputLoaded ? op.inputs_needed : op.weights_needed);
  };
  const Program& p = *run_.program;
  if (token != Token::kStored && !p.fused() && vector_head_ < p.vectors.size()) {
    if (!needs(p.vectors[vector_head_])) return;
  } else if (token != Token::kStored && compute_head_ < p.computes.size()) {
    if (!needs(p.computes[compute_head_])) return;
  }
  run_.attribution->resolve(was, is);
}

void Sequencer::issue_load(std::size_t queue, const std::vector<LoadOp>& ops, Token done,
                           Cycles now) {
  std::size_t& head = load_head_[queue];
  while (head < ops.size() && ops[head].releases_needed <= seen(Token::kReleased) &&
         static_cast<std::int64_t>(head) - seen(done) < run_.problem->machine.dma.queue)
    to_dma->load(ops[head++], done, now + Cycles(1));
}

/// The next layer's weights, behind all of this one's, into slots that nothing will read again.
void Sequencer::issue_ahead(Cycles now) {
  const Program& p = *run_.program;
  if (run_.next == nullptr || load_head_[1] < p.weight_loads.size()) return;
  const std::vector<LoadOp>& loads = run_.next->weight_loads;
  while (ahead_head_ < loads.size() && loads[ahead_head_].slot_ahead >= 0) {
    const auto slot = static_cast<std::size_t>(loads[ahead_head_].slot_ahead);
    if (p.weight_slots_free[slot] > seen(Token::kReleased) ||
        static_cast<std::int64_t>(ahead_head_) - seen(Token::kFetchedAhead) >=
            run_.problem->machine.dma.queue)
      return;
    to_dma->load_ahead(loads[ahead_head_++], now + Cycles(1));
  }
}

bool Sequencer::ready(const ComputeOp& op) const {
  return seen(Token::kInputLoaded) >= op.inputs_needed &&
         seen(Token::kWeightLoaded) >= op.weights_needed &&
         seen(Token::kOutput) >= op.outputs_needed && seen(Token::kVectorDone) >= op.vectors_needed;
}

bool Sequencer::ready(const VectorJob& job) const {
  return seen(Token::kInputLoaded) >= job.inputs_needed &&
         seen(Token::kWeightLoaded) >= job.weights_needed &&
         seen(Token::kStored) >= job.stores_needed &&
         seen(Token::kComputed) >= job.computes_needed &&
         seen(Token::kReleased) >= job.releases_needed;
}

void Sequencer::issue(Cycles now) {
  const Program& p = *run_.program;
  const Cycles usable = now + Cycles(1);
  issue_load(0, p.input_loads, Token::kInputLoaded, now);
  issue_load(1, p.weight_loads, Token::kWeightLoaded, now);
  // One operation may wait at the array while another runs.
  while (compute_head_ < p.computes.size() && ready(p.computes[compute_head_]) &&
         static_cast<std::int64_t>(compute_head_) <= seen(Token::kAccepted))
    to_array->issue(p.computes[compute_head_++], usable);
  while (vector_head_ < p.vectors.size() && ready(p.vectors[vector_head_]) &&
         static_cast<std::int64_t>(vector_head_) <=
             seen(p.fused() ? Token::kVectorBegun : Token::kAccepted))
    to_vector_unit->issue(p.vectors[vector_head_++], usable);
  while (output_head_ < p.outputs.size() &&
         p.outputs[output_head_].computes_needed <= seen(Token::kComputed) &&
         p.outputs[output_head_].stores_needed <= seen(Token::kStored) &&
         static_cast<std::int64_t>(output_head_) == seen(Token::kOutput))
    to_output_unit->issue(p.outputs[output_head_++], usable);
  while (store_head_ < p.stores.size() &&
         p.stores[store_head_].outputs_needed <= seen(Token::kOutput) &&
         static_cast<std::int64_t>(store_head_) - seen(Token::kStored) <
             run_.problem->machine.dma.queue)
    to_dma->store(p.stores[store_head_++], usable);
  issue_ahead(now);
}

Cause Sequencer::waiting_for(const ComputeOp& op) const {
  if (seen(Token::kInputLoaded) < op.inputs_needed ||
      seen(Token::kWeightArrived) < op.weights_needed)
    return Cause::kDramRead;
  if (seen(Token::kWeightLoaded) < op.weights_needed) return Cause::kDequantizer;
  if (seen(Token::kOutput) < op.outputs_needed) {
    const OutputOp& head = run_.program->outputs[static_cast<std::size_t>(seen(Token::kOutput))];
    return head.stores_needed > seen(Token::kStored) ? Cause::kDramWrite : Cause::kOutput;
  }
  return seen(Token::kVectorDone) < op.vectors_needed ? Cause::kVector : Cause::kIdle;
}

Cause Sequencer::waiting_for(const VectorJob& job) const {
  if (seen(Token::kInputLoaded) < job.inputs_needed ||
      seen(Token::kWeightLoaded) < job.weights_needed)
    return Cause::kDramRead;
  return seen(Token::kStored) < job.stores_needed ? Cause::kDramWrite : Cause::kIdle;
}

Cause Sequencer::present_cause() const {
  const Program& p = *run_.program;
  if (!p.fused() && vector_head_ < p.vectors.size()) return waiting_for(p.vectors[vector_head_]);
  if (compute_head_ < p.computes.size()) return waiting_for(p.computes[compute_head_]);
  if (p.fused() && seen(Token::kVectorDone) < static_cast<std::int64_t>(p.vectors.size()))
    return Cause::kVector;
  if (seen(Token::kOutput) < static_cast<std::int64_t>(p.outputs.size())) return Cause::kOutput;
  // Behind the last result only bursts for the next layer are still on their way.
  return seen(Token::kStored) < static_cast<std::int64_t>(p.stores.size()) ? Cause::kDramWrite
                                                                           : Cause::kDramRead;
}

std::string Sequencer::describe() const {
  const Program& p = *run_.program;
  std::string text = fmt::format(
      "loads of inputs {}/{} done, of weights {}/{}; computes {} issued, {} accepted, {} released, "
      "{} done of {}; vectors {}/{}; outputs {}/{}; stores {}/{}",
      seen(Token::kInputLoaded), p.input_loads.size(), seen(Token::kWeightLoaded),
      p.weight_loads.size(), compute_head_, seen(Token::kAccepted), seen(Token::kReleased),
      seen(Token::kComputed), p.computes.size(), vector_head_, p.vectors.size(),
      seen(Token::kOutput), p.outputs.size(), seen(Token::kStored), p.stores.size());
  if (compute_head_ < p.computes.size()) {
    const ComputeOp& op = p.computes[compute_head_];
    text += fmt::format("; next compute needs {} input loads, {} weight loads, {} outputs",
                        op.inputs_needed, op.weights_needed, op.outputs_needed);
  }
  return text;
}

}  // namespace bitjoule
