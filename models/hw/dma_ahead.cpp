// The DMA's fourth stream: weights of the next layer, in what the other three leave.
#include <algorithm>

#include "hw/dma.h"

namespace bitjoule {

/// What was moved before this layer began counts as this layer's.
void Dma::take_over(const WeightsAhead& ahead) {
  for (std::size_t i = 0; i < ahead.usable.size(); ++i) {
    const LoadOp& op = run_.program->weight_loads[i];
    (*traffic_)[op.tensor].read_bytes += op.region.bytes();
    (*traffic_)[op.tensor].bursts += bursts_of(op.region, size_.burst_bytes);
    count_load(op);
  }
  if (!ahead.usable.empty()) streams_[kWeightStream].retired = ahead.usable.back();
  bursts_before_ = ahead.bursts;
}

void Dma::load_ahead(const LoadOp& op, Cycles usable) {
  push(kAheadStream, transfer_of(op, Token::kFetchedAhead, usable));
  // Not only what else happens in the cycle before may wake it: it might have happened already.
  wake_ahead(usable - Cycles(1));
}

bool Dma::results_sent() const {
  return stores_ == run_.program->stores.size() && streams_[kStoreStream].current == nullptr;
}

/// All of cycle `now` known, decides whether requests for the next layer leave in the one after it.
void Dma::wake_ahead(Cycles now) {
  if (run_.next == nullptr || ahead_cycle_ > now) return;
  if (streams_[kAheadStream].current == nullptr) return;
  ahead_cycle_ = now + Cycles(1);
  ahead_event_.notify(clock_.until(now) + to_sc_time(Femtoseconds(1)));
}

/// What happens at the edge of the cycle in question does not count: the order of two events of
/// one instant must not matter.
void Dma::on_ahead() {
  const Cycles cycle = ahead_cycle_;
  ahead_cycle_ = Cycles(-1);
  Stream& stream = streams_[kAheadStream];
  for (std::size_t i = 0; i < kAheadStream; ++i)
    if (streams_[i].current != nullptr) return;
  if (results_sent() || streams_[kStoreStream].in_flight > 0) return;
  for (std::int64_t i = 0; i < config_.requests_per_cycle && stream.current != nullptr; ++i) {
    const bool freed_now = freed_ >= cycle;
    const auto places = static_cast<std::int64_t>(free_.size()) - (freed_now ? freed_in_cycle_ : 0);
    if (!window_.empty() || awaiting_ != nullptr || (places <= 0 && !freed_now)) return;
    if (places <= 0 || accepted_ > cycle || last_sent_ > cycle ||
        (last_sent_ == cycle && sent_in_cycle_ == config_.requests_per_cycle))
      break;
    take_request(stream, cycle);
    send(cycle);
  }
  wake_ahead(std::max({cycle, accepted_ - Cycles(1), last_sent_ - Cycles(1)}));
}

/// Of the DRAM's side the sequencer hears now, of the dequantizer's the next layer.
void Dma::retire_ahead(const Transfer& t, Cycles at) {
  const Cycles before = ahead_.usable.empty() ? Cycles(0) : ahead_.usable.back();
  const Cycles usable = t.elements > 0 ? dequantized(t, *run_.next_problem) : at;
  ahead_.usable.push_back(std::max(usable, before));
  streams_[kAheadStream].retired = at;
  to_sequencer->give(Token::kFetchedAhead, at);
}

WeightsAhead Dma::finish_ahead(Cycles end) {
  Stream& stream = streams_[kAheadStream];
  if (!stream.transfers.empty() && stream.transfers.front().taken > 0) {
    // The dequantizer works on what has arrived of a load that is not complete.
    Transfer part = stream.transfers.front();
    const LoadOp& op = run_.next->weight_loads[ahead_.usable.size()];
    ahead_.bursts = part.taken;
    part.dequantize = op.dequantize * part.taken / bursts_of(op.region, size_.burst_bytes);
    if (part.dequantize > 0) dequantized(part, *run_.next_problem);
  }
  const auto of_next = [end](Cycles at) { return std::max(Cycles(0), at - end); };
  for (Cycles& usable : ahead_.usable) usable = of_next(usable);
  if (run_.next != nullptr) ahead_.dequantizer_free = of_next(to_dequantizer->free_from());
  stream.transfers.clear();
  stream.issuing = 0;
  stream.current = nullptr;
  return std::move(ahead_);
}

}  // namespace bitjoule
