// The cycle-level DRAM: all channels behind one port.
#pragma once

#include <vector>

#include "core/dram/address_map.h"
#include "core/dram/channel.h"
#include "core/dram/engine.h"
#include "core/dram/fifo.h"

namespace bitjoule {

/// Its clock is the memory clock. The bursts of a request enter the channels' queues in order; one
/// that finds its queue full holds up all behind it.
class CycleDram : public DramEngine {
 public:
  explicit CycleDram(const CycleDramConfig& config);

  std::int64_t offer(const DramRequest& request, std::int64_t cycle) override;
  bool advance(std::int64_t limit, DramEvent* event) override;
  std::int64_t next() override;
  DramStats stats(std::int64_t cycle) override;
  Clock clock() const override { return Clock::from_period(standard_.tCK); }
  Bytes burst() const override { return Bytes(standard_.burst_bytes); }
  Bytes capacity() const override { return Bytes(standard_.capacity); }
  BytesPerSecond peak_bandwidth() const override;

  /// Records the commands of channel 0 (for checkers).
  void record(std::vector<DramCommandRecord>* trace) { channels_[0].channel.record(trace); }
  const DramStandard& standard() const { return standard_; }

 private:
  struct Done {
    std::int64_t cycle;
    std::uint32_t request;
  };
  struct Lane {
    explicit Lane(const DramStandard& standard, const DramControllerConfig& controller)
        : channel(standard, controller) {}
    DramChannel channel;
    Fifo<Done> done;  // bursts whose data is under way
  };
  struct Request {
    std::uint64_t tag = 0;
    std::int64_t bursts_left = 0;
    std::int64_t accepted = -1;  // first burst
  };
  struct Earliest {
    std::int64_t cycle = kNever;
    Lane* lane = nullptr;
    bool done = false;  // data ends; otherwise a command is due
  };

  bool push_offered();
  bool offer_is_blocked() const { return offered_bytes_ > 0; }
  Earliest earliest();
  bool finish_burst(Lane* lane, DramEvent* event);

  const DramStandard standard_;
  const AddressMap map_;
  AddressDecoder decoder_;
  std::vector<Lane> channels_;
  std::vector<Request> requests_;
  std::vector<std::uint32_t> free_requests_;
  DramRequest offered_;             // what is left of it
  std::int64_t offered_bytes_ = 0;  // still to enter a queue
  std::uint32_t offered_request_ = 0;
  std::int64_t port_cycle_ = 0;        // the next burst enters no earlier
  std::int64_t accepted_at_ = kNever;  // the offered request's last burst, event not yet reported
  DramStats totals_;                   // latency and timeline; the rest is in the channels
};

}  // namespace bitjoule
