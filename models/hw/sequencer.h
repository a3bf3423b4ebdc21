// Starts tile operations as soon as the tokens they wait for are there, each queue in its own
// order.
#pragma once

#include <array>
#include <functional>
#include <queue>
#include <systemc>
#include <vector>

#include "hw/core_clock.h"
#include "hw/interfaces.h"
#include "hw/residency.h"

namespace bitjoule {

class Sequencer : public sc_core::sc_module, public TokenIf {
 public:
  sc_core::sc_export<TokenIf> from_units;
  sc_core::sc_port<ArrayIf> to_array;
  sc_core::sc_port<OutputUnitIf> to_output_unit;
  sc_core::sc_port<VectorUnitIf> to_vector_unit;
  sc_core::sc_port<DmaIf> to_dma;
  BufferPorts to_buffers;

  Sequencer(sc_core::sc_module_name name, const CoreClock& clock);

  /// Starts a layer in cycle 0 of the present epoch.
  void start(const LayerRun& run);
  bool done() const { return run_.program != nullptr && finished_; }
  /// Notified when it is.
  const sc_core::sc_event& finished() const { return finished_event_; }
  /// The cycle in which the last token was given: the layer's length.
  Cycles end() const { return end_; }
  /// After the run: what is held for the next layer leaves at `end`, to be that layer's.
  void hand_over(Cycles end) { residency_.hand_over(seen(Token::kFetchedAhead), end, to_buffers); }
  /// Every queue with its head and what it waits for, for the watchdog's report.
  std::string describe() const;

  void give(Token token, Cycles at) override;

 private:
  struct Given {
    Cycles at;
    Token token;
    bool operator>(const Given& other) const {
      return at != other.at ? at > other.at : token > other.token;
    }
  };
  /// How many tokens of one kind were seen, and how many operations of one queue were issued.
  std::int64_t seen(Token t) const { return seen_[static_cast<std::size_t>(t)]; }

  void trace_token(Token token, Cycles at);
  void evaluate();
  void collect(Cycles now);
  void resolve_wait(Token token);
  void issue(Cycles now);
  void take_over(const WeightsAhead& ahead);
  void issue_ahead(Cycles now);
  void issue_load(std::size_t queue, const std::vector<LoadOp>& ops, Token done, Cycles now);
  bool ready(const ComputeOp& op) const;
  bool ready(const VectorJob& job) const;
  Cause waiting_for(const ComputeOp& op) const;
  Cause waiting_for(const VectorJob& job) const;
  Cause present_cause() const;

  const CoreClock& clock_;
  LayerRun run_;
  sc_core::sc_event evaluate_event_, finished_event_;
  std::priority_queue<Given, std::vector<Given>, std::greater<Given>> given_;
  std::array<std::int64_t, kTokenKinds> seen_{};
  std::array<std::size_t, 2> load_head_{};  // inputs, weights
  std::size_t ahead_head_ = 0;              // of the next layer's weights
  std::size_t compute_head_ = 0, vector_head_ = 0, output_head_ = 0, store_head_ = 0;
  std::array<std::int64_t, kTokenKinds> traced_{};
  std::array<std::int32_t, kTokenKinds> token_signals_{};
  Residency residency_;
  Cycles end_{0};
  bool finished_ = false;
};

}  // namespace bitjoule
