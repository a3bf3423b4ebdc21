// The cycle-level DRAM: all channels behind one port.
#pragma once

#include <algorithm>
#include <vector>

#include "core/dram/address_map.h"
#include "core/dram/channel.h"
#include "core/dram/engine.h"
#include "core/dram/standard.h"
#include "core/fifo.h"

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
  BytesPerSecond peak_bandwidth() const override { return bitjoule::peak_bandwidth(standard_); }

  /// Records the commands of channel 0 (for checkers).
  void record(std::vector<DramCommandRecord>* trace) { channels_[0].channel.record(trace); }
  /// As DramChannel says, for all channels, and no command runs ahead of an event (for checkers).
  /// Before the first request.
  void take_no_shortcuts() {
    runs_ahead_ = false;
    for (Lane& lane : channels_) lane.channel.take_no_shortcuts();
  }
  const DramStandard& standard() const { return standard_; }

 private:
  struct Done {
    std::int64_t cycle;
    std::uint32_t request;
  };
  struct Lane {
    explicit Lane(const DramStandard& standard, const DramControllerConfig& controller)
        : channel(standard, controller) {}
    /// When something happens in it next.
    std::int64_t look() {
      const std::int64_t command = channel.next();
      const std::int64_t data = done.empty() ? kNever : done.front().cycle;
      done_first = data <= command;
      return std::min(command, data);
    }
    DramChannel channel;
    Fifo<Done> done;          // bursts whose data is under way; running ahead, requests' last
    bool done_first = false;  // data ends; otherwise a command is due
    bool changed = false;     // since the last look
  };
  struct Request {
    std::uint64_t tag = 0;
    std::int64_t bursts_left = 0;
    std::int64_t accepted = -1;  // first burst
  };

  bool push_offered();
  bool offer_is_blocked() const { return offered_bytes_ > 0; }
  void change(std::size_t lane) {
    if (channels_[lane].changed) return;
    channels_[lane].changed = true;
    changed_[changes_++] = lane;
  }
  std::int64_t earliest() {
    if (changes_ > 0) find_earliest();
    return earliest_;
  }
  void find_earliest();
  void issue(Lane* lane);
  void run_ahead(std::int64_t limit);
  void report_acceptance(DramEvent* event);
  bool finish_burst(Lane* lane, DramEvent* event);

  const DramStandard standard_;
  const AddressMap map_;
  AddressDecoder decoder_;
  std::vector<Lane> channels_;
  std::vector<std::int64_t> due_;     // by channel: its last look, ...
  std::vector<std::size_t> changed_;  // ... and those that have changed since, ...
  std::size_t changes_ = 0;           // ... how many
  std::int64_t earliest_ = kNever;    // the smallest due of all channels, ...
  std::size_t first_ = 0;             // ... and the first of them that has it
  std::vector<Request> requests_;
  std::vector<std::uint32_t> free_requests_;
  DramRequest offered_;             // what is left of it, ...
  DramAddress place_;               // ... and where its next burst goes
  std::int64_t offered_bytes_ = 0;  // still to enter a queue
  std::uint32_t offered_request_ = 0;
  std::int64_t port_cycle_ = 0;        // the next burst enters no earlier
  std::int64_t entered_ = 0;           // the latest entry of its bursts so far
  bool runs_ahead_ = false;            // one channel and command bus: run_ahead(), ...
  std::int64_t ran_ = -1;              // ... and the last command that did
  std::int64_t accepted_at_ = kNever;  // the offered request's last burst, event not yet reported
  DramStats totals_;                   // latency and timeline; the rest is in the channels
};

}  // namespace bitjoule
