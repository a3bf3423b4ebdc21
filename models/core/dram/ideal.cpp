#include "core/dram/ideal.h"

#include <algorithm>
#include <string>

#include "core/dram/checked.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kFemtosecondsPerSecond = 1'000'000'000'000'000;
constexpr Femtoseconds kNanosecond{1'000'000};

}  // namespace

IdealDram::IdealDram(const IdealDramConfig& config) : config_(config) {
  check_ranges(config);
  stats_.period = Femtoseconds(1);
  stats_.latency_unit = kNanosecond;
  stats_.timeline = BandwidthTimeline(26);  // about 67 ns, in powers of two
}

std::int64_t IdealDram::transfer(std::int64_t start, std::int64_t bytes) {
  __extension__ using wide = __int128;
  if (start > free_) free_ = start, remainder_ = 0;
  const wide total = wide(bytes) * kFemtosecondsPerSecond + remainder_;
  free_ += static_cast<std::int64_t>(total / config_.bandwidth.value);
  remainder_ = static_cast<std::int64_t>(total % config_.bandwidth.value);
  return free_;
}

std::int64_t IdealDram::offer(const DramRequest& request, std::int64_t cycle) {
  constexpr std::int64_t kRequestSteps = 128;
  check_interrupt_after(kRequestSteps);
  const std::int64_t end = transfer(cycle + config_.latency.value, request.bytes);
  in_flight_.push_back(
      {{DramEvent::Kind::kCompleted, end, request.tag}, cycle, request.bytes, request.write});
  stats_.max_queued = std::max(stats_.max_queued, static_cast<std::int64_t>(in_flight_.size()));
  return cycle;
}

bool IdealDram::advance(std::int64_t limit, DramEvent* event) {
  if (next() >= limit) return false;
  const InFlight done = in_flight_.front();
  in_flight_.pop_front();
  (done.write ? stats_.writes : stats_.reads) += done.bytes / config_.burst.value;
  (done.write ? stats_.write_bytes : stats_.read_bytes) += done.bytes;
  stats_.latency.add((done.event.cycle - done.accepted) / kNanosecond.value);
  stats_.timeline.add(done.event.cycle, done.bytes, done.write);
  *event = done.event;
  return true;
}

DramStats IdealDram::stats(std::int64_t cycle) {
  DramStats result = stats_;
  result.cycles = cycle;
  return result;
}

}  // namespace bitjoule
