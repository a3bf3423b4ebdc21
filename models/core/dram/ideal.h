// The bandwidth-and-latency DRAM. Its clock is the femtosecond.
#pragma once

#include <deque>

#include "core/dram/engine.h"

namespace bitjoule {

/// A request's last byte leaves at max(acceptance + latency, end of the request before) + bytes /
/// bandwidth. Accepts everything at once. Throws an input Error for sizes that are not positive.
class IdealDram : public DramEngine {
 public:
  explicit IdealDram(const IdealDramConfig& config);

  std::int64_t offer(const DramRequest& request, std::int64_t cycle) override;
  bool advance(std::int64_t limit, DramEvent* event) override;
  std::int64_t next() override {
    return in_flight_.empty() ? kNever : in_flight_.front().event.cycle;
  }
  DramStats stats(std::int64_t cycle) override;
  Clock clock() const override { return Clock::from_period(Femtoseconds(1)); }
  Bytes burst() const override { return config_.burst; }
  Bytes capacity() const override { return config_.capacity; }
  BytesPerSecond peak_bandwidth() const override { return config_.bandwidth; }

 private:
  struct InFlight {
    DramEvent event;
    std::int64_t accepted;
    std::int64_t bytes;
    bool write;
  };
  std::int64_t transfer(std::int64_t start, std::int64_t bytes);

  IdealDramConfig config_;
  std::deque<InFlight> in_flight_;
  std::int64_t free_ = 0;       // end of the last transfer, rounded down to whole cycles
  std::int64_t remainder_ = 0;  // the part rounded off, in 1/bandwidth of a cycle
  DramStats stats_;
};

}  // namespace bitjoule
