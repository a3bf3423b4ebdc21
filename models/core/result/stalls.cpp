#include "core/result/stalls.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

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

StallBreakdown& StallBreakdown::operator*=(std::int64_t n) {
  for (std::int64_t& count : cycles) count *= n;
  return *this;
}

StallBreakdown& StallBreakdown::operator+=(const StallBreakdown& other) {
  for (std::size_t i = 0; i < kCauses; ++i) cycles[i] += other.cycles[i];
  return *this;
}

const char* bound_name(const StallBreakdown& s) {
  const std::pair<const char*, std::int64_t> bounds[] = {
      {"compute", s[Cause::kArrayBusy] + s[Cause::kWeightLoad] + s[Cause::kFillDrain] +
                      s[Cause::kBufferPort] + s[Cause::kOutput]},
      {"dram", s[Cause::kDramRead] + s[Cause::kDramWrite]},
      {"dequantizer", s[Cause::kDequantizer]},
      {"vector", s[Cause::kVector]}};
  const auto by_cycles = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::max_element(std::begin(bounds), std::end(bounds), by_cycles)->first;
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
