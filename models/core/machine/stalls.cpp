#include "core/machine/stalls.h"

#include <algorithm>
#include <numeric>

namespace bitjoule {

const char* cause_name(Cause cause) {
  static constexpr const char* kNames[kCauses] = {
      "array_busy",  "weight_load", "fill_drain",  "dram_read", "dram_write",
      "dequantizer", "output",      "buffer_port", "vector",    "idle",
      "dma_window",  "dma_rate",    "dram_latency"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::int64_t StallBreakdown::total() const {
  return std::accumulate(cycles.begin(), cycles.end(), std::int64_t{0});
}

StallBreakdown& StallBreakdown::operator*=(std::int64_t n) {
  for (std::int64_t& count : cycles) count *= n;
  return *this;
}

StallBreakdown& StallBreakdown::operator+=(const StallBreakdown& other) {
  for (std::size_t i = 0; i < kCauses; ++i) cycles[i] += other.cycles[i];
  return *this;
}

void Attribution::wait(Cycles now, Cause cause) {
  // Only the last change at one instant counts: within it, tokens arrive in no particular order.
  if (!log_.empty() && log_.back().at == now)
    log_.back().cause = cause;
  else
    log_.push_back({now, cause});
}

Cycles Attribution::advance(Cycles end) {
  while (!log_.empty() && log_.front().at <= covered_) {
    current_ = log_.front().cause;
    log_.pop_front();
    ++popped_;
  }
  return log_.empty() ? end : std::min(end, log_.front().at);
}

void Attribution::fill(Cycles end) {
  while (covered_ < end) {
    const Cycles next = advance(end);
    cover(current_, (next - covered_).value);
  }
}

void Attribution::gap(Cycles array_end, Cycles allowed, Cycles begin) {
  const Cycles draining = std::min(array_end, begin);
  while (covered_ < draining) {
    const Cycles next = advance(draining);
    // Results that are under way in the array are what an accumulator slot waits for.
    const bool array = begin <= allowed || current_ == Cause::kIdle || current_ == Cause::kOutput;
    cover(array ? Cause::kFillDrain : current_, (next - covered_).value);
  }
  fill(begin);
}

Cause Attribution::take(Transfers kind, Cause otherwise) {
  std::deque<Cause>& told = transfers_[index(kind)];
  if (told.empty()) return otherwise;
  const Cause cause = told.front();
  told.pop_front();
  return cause;
}

void Attribution::resolve(Cause was, Cause is) {
  if (popped_ > resolved_ && current_ == was) current_ = is;
  const std::size_t from = resolved_ > popped_ ? resolved_ - popped_ : 0;
  for (std::size_t i = from; i < log_.size(); ++i)
    if (log_[i].cause == was) log_[i].cause = is;
  resolved_ = popped_ + log_.size();
}

}  // namespace bitjoule
