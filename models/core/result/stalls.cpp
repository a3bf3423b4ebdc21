#include "core/result/stalls.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

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

const char* bound_name(const StallBreakdown& stalls, const StallBreakdown& dma) {
  using Bound = std::pair<const char*, std::int64_t>;
  const auto by_cycles = [](const Bound& a, const Bound& b) { return a.second < b.second; };
  const Bound used[] = {{"dram", dma[Cause::kDramRead] + dma[Cause::kDramWrite]},
                        {"compute", stalls[Cause::kArrayBusy]},
                        {cause_name(Cause::kDmaWindow), dma[Cause::kDmaWindow]},
                        {cause_name(Cause::kDmaRate), dma[Cause::kDmaRate]}};
  const Bound most = *std::max_element(std::begin(used), std::end(used), by_cycles);
  const std::int64_t total = stalls.total();
  if (total > 0 && static_cast<double>(most.second) >= kBoundShare * static_cast<double>(total))
    return most.first;
  std::array<Bound, kCauses> causes;
  for (std::size_t i = 0; i < kCauses; ++i)
    causes[i] = {cause_name(static_cast<Cause>(i)), stalls.cycles[i]};
  causes[static_cast<std::size_t>(Cause::kArrayBusy)].first = "compute";
  causes[static_cast<std::size_t>(Cause::kDramRead)] = {
      "dram", stalls[Cause::kDramRead] + stalls[Cause::kDramWrite]};
  causes[static_cast<std::size_t>(Cause::kDramWrite)].second = 0;
  return std::max_element(causes.begin(), causes.end(), by_cycles)->first;
}

void Attribution::wait(Cycles now, Cause cause) {
  // Only the last change at one instant counts: within it, tokens arrive in no particular order.
  if (!log_.empty() && log_.back().at == now)
    log_.back().cause = cause;
  else
    log_.push_back({now, cause});
}

const char* bound_advice(std::string_view bound) {
  static constexpr std::pair<const char*, const char*> kAdvice[] = {
      {"compute", "the array multiplies; more PEs or narrower numbers"},
      {"dram", "the memory moves data all the time; more bandwidth or fewer bytes"},
      {"weight_load", "rows of the stationary operand enter; more steps per row, or overlap"},
      {"fill_drain", "folds fill and drain the array; longer folds, a smaller array, or overlap"},
      {"dequantizer", "the dequantizer's lanes or latency; more lanes"},
      {"output", "the output unit or accumulator ports; more lanes or wider ports"},
      {"buffer_port", "a buffer's ports; wider ports or more banks"},
      {"vector", "the vector unit; more lanes"},
      {"idle", "the machine's own latency between tiles; larger tiles"},
      {"dma_window", "all requests that may be outstanding are; more or larger requests"},
      {"dma_rate", "requests leave as fast as they may; more per cycle or larger ones"},
      {"dram_latency",
       "too little is asked for ahead of time; larger tiles or two halves of buffers"},
  };
  for (const auto& [name, advice] : kAdvice)
    if (bound == name) return advice;
  return "";
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
