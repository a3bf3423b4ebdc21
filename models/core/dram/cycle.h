// The cycle-level DRAM: all channels behind one port.
#pragma once

#include <algorithm>
#include <vector>

#include "core/dram/address_map.h"
#include "core/dram/channel.h"
#include "core/dram/driver.h"
#include "core/dram/engine.h"
#include "core/dram/standard.h"
#include "core/fifo.h"

namespace bitjoule {

/// Its clock is the memory clock. The bursts of a request enter the channels' queues in order; one
/// that finds its queue full holds up all behind it.
class CycleDram final : public DramEngine {
 public:
  explicit CycleDram(const CycleDramConfig& config);
  /// With what resolve_standard() makes of it.
  CycleDram(const CycleDramConfig& config, DramStandard standard);

  std::int64_t offer(const DramRequest& request, std::int64_t cycle) override;
  bool advance(std::int64_t limit, DramEvent* event) override;
  std::int64_t next() override;
  DramStats stats(std::int64_t cycle) override;
  /// Without an event for each request.
  DramStats drive(RequestSource* source) override;
  Clock clock() const override { return Clock::from_period(standard_.tCK); }
  Bytes burst() const override { return Bytes(standard_.burst_bytes); }
  Bytes capacity() const override { return Bytes(standard_.capacity); }
  BytesPerSecond peak_bandwidth() const override { return bitjoule::peak_bandwidth(standard_); }

  /// Records the commands of channel 0 (for checkers).
  void record(std::vector<DramCommandRecord>* trace) { channels_[0].record(trace); }
  /// As DramChannel says, for all channels (for checkers). Before the first request.
  void take_no_shortcuts() {
    most_alike_ = 1;
    part(1);
    for (DramChannel& channel : channels_) channel.take_no_shortcuts();
  }
  /// Over all channels (for checkers).
  std::int64_t bursts_in_trains() const {
    std::int64_t sum = 0;
    for (const DramChannel& channel : channels_) sum += channel.bursts_in_trains();
    return sum * alike_ + bursts_in_trains_;
  }
  /// Of requests that were simulated once for several channels (for checkers).
  std::int64_t bursts_in_step() const { return bursts_in_step_; }
  /// The same: as if each channel had accepted so many bursts before.
  void skip_orders(std::int64_t bursts) {
    for (DramChannel& channel : channels_) channel.skip_orders(bursts);
  }
  const DramStandard& standard() const { return standard_; }

 private:
  /// Requests end in order of time, and at one time in the order of the channels that end them.
  struct Completion {
    std::int64_t cycle = -1;
    std::size_t channel = 0;
    std::uint32_t request = 0;
    bool goes_before(const Completion& o) const {
      return cycle != o.cycle ? cycle < o.cycle : channel < o.channel;
    }
  };
  struct Request {
    std::uint64_t tag = 0;
    std::int64_t bursts_left = 0;  ///< whose column command is still to come
    std::int64_t accepted = -1;    ///< first burst
    Completion end;                ///< by the commands so far
  };

  std::uint32_t new_request(const DramRequest& request, std::int64_t bursts);
  void begin_offer(const DramRequest& request, std::uint32_t index, std::int64_t cycle);
  bool push_offered();
  bool push_request(const DramRequest& request, std::int64_t cycle, std::int64_t* end);
  bool push_burst(const DramRequest& request, std::int64_t cycle, std::int64_t* end);
  /// Parts channels or joins them, as `request` needs and allows that comes at `cycle`.
  void suit(const DramRequest& request, std::int64_t cycle) {
    if (most_alike_ == 1) return;
    const std::int64_t bits = request.address | request.bytes;
    if (alike_ > 1 && (bits & (set_bytes_ - 1)) != 0) {
      part((bits & -bits) / standard_.burst_bytes);
    } else if (alike_ < most_alike_ && (bits & (2 * set_bytes_ - 1)) == 0 && --join_wait_ <= 0) {
      join((bits & -bits) / standard_.burst_bytes, std::max(port_cycle_, cycle));
    }
  }
  void part(std::int64_t alike);
  void join(std::int64_t alike, std::int64_t port);
  bool join_pairs(std::int64_t port);
  void replace_channels(std::vector<DramChannel>* channels, std::int64_t alike);
  void issue_up_to(std::int64_t cycle, std::size_t channel);
  static void add_counts(const DramChannel& channel, std::int64_t cycle, std::int64_t times,
                         DramStats* s);
  /// Of all channels, the last for which the one at `index` stands.
  std::size_t last_of(std::size_t index) const {
    return (index + 1) * static_cast<std::size_t>(alike_) - 1;
  }
  bool offer_is_blocked() const { return offered_bytes_ > 0; }
  /// A channel has done or taken something: a train knows at once what follows.
  void change(std::size_t channel) {
    if (is_alone_) return;  // earliest_command() asks it
    is_stale_ = true;
    if (channels_[channel].in_train()) {
      due_[channel] = channels_[channel].train_cycle();
    } else if (is_changed_[channel] == 0) {
      is_changed_[channel] = 1;
      changed_[changes_++] = channel;
    }
  }
  [[gnu::always_inline]] std::int64_t earliest_command() {
    if (is_alone_) return channels_.front().next();
    if (is_stale_) find_earliest();
    return earliest_;
  }
  void find_earliest();
  void ask_changed();
  const DramChannel::Served* issue(std::size_t channel);
  const Completion* count_served(const DramChannel::Served& served, std::size_t channel);
  void add_completion(const Completion& end);
  void follow_train(std::int64_t limit);
  void issue_alone(std::size_t channel, std::int64_t* end);
  void report_acceptance(DramEvent* event);
  void report_completion(DramEvent* event);

  const DramStandard standard_;
  const AddressMap map_;
  AddressDecoder decoder_;
  std::vector<DramChannel> channels_;
  // As long as every request has whole sets of bursts, one for each of `alike_` neighbouring
  // channels in turn, these are in step: all accept and do the same in the same clocks. channels_
  // holds one of each so many, the last, which stands for them: of several, events wait for what
  // the last one does. The first request of other sets makes the rest of them, copies, as they
  // would be without it; where they are all in the same state again, they are joined. What they
  // have counted apart is in totals_ from then on.
  std::int64_t alike_ = 1, most_alike_ = 1;  // powers of two
  int log2_alike_ = 0;
  std::int64_t set_bytes_ = 0;  // of a burst for each of them
  std::int64_t bursts_in_step_ = 0;
  std::int64_t joined_ = 0;                  // that, as they were joined last
  std::int64_t join_wait_ = 0;               // requests before the next look whether they may be
  std::int64_t join_rest_ = 4;               // so many after they were parted
  std::int64_t bursts_in_trains_ = 0;        // of those that were joined, beyond the others'
  std::int64_t completed_ = -1;              // cycle of the last completion that was reported, ...
  std::size_t completed_channel_ = 0;        // ... and its channel
  bool is_alone_ = false;                    // the only channel: asked each time, else
  std::vector<std::int64_t> due_;            // by channel: its next command as last seen, ...
  std::vector<std::size_t> changed_;         // ... those that have changed since, ...
  std::vector<unsigned char> is_changed_;    // ... and whether one is among them, ...
  std::size_t changes_ = 0;                  // ... how many
  std::int64_t earliest_ = kNever;           // the smallest due of all channels, ...
  std::size_t first_ = 0;                    // ... the first of them that has it, ...
  bool is_stale_ = false;                    // ... and whether both are to be found again
  Fifo<Completion> completions_;             // of requests that have had all their commands, ...
  std::int64_t completions_first_ = kNever;  // ... and the cycle of the first
  std::vector<Request> requests_;
  std::vector<std::uint32_t> free_requests_;
  DramRequest offered_;             // what is left of it, ...
  DramAddress place_;               // ... and where its next burst goes
  std::int64_t offered_bytes_ = 0;  // still to enter a queue
  std::uint32_t offered_request_ = 0;
  std::int64_t port_cycle_ = 0;        // the next burst enters no earlier
  std::int64_t entered_ = 0;           // the latest entry of its bursts so far
  std::int64_t accepted_at_ = kNever;  // the offered request's last burst, event not yet reported
  DramChannel::Served served_;         // what the last column command moved
  DramStats totals_;                   // latency and timeline; most of the rest is in the channels
};

}  // namespace bitjoule
