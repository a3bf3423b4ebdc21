#include "core/result/stalls.h"

#include <algorithm>
#include <numeric>

namespace bitjoule {

const char* cause_name(Cause cause) {
  static constexpr const char* kNames[kCauses] = {
      "array_busy",  "weight_load", "fill_drain",  "dram_read", "dram_write",
      "dequantizer", "output",      "buffer_port", "vector",    "idle"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::int64_t StallBreakdown::total() const {
  return std::accumulate(cycles.begin(), cycles.end(), std::int64_t{0});
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

void Attribution::fill(Cycles end) {
  while (covered_ < end) {
    while (!log_.empty() && log_.front().at <= covered_) {
      current_ = log_.front().cause;
      log_.pop_front();
    }
    const Cycles next = log_.empty() ? end : std::min(end, log_.front().at);
    cover(current_, (next - covered_).value);
  }
}

}  // namespace bitjoule
