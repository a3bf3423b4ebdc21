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
  DramShortcuts shortcuts() const {
    DramShortcuts sum = shortcuts_;
    for (const DramChannel& channel : channels_) sum.add(channel.shortcuts(), alike_);
    return sum;
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
  class BinnedBytes;
  class EventTrain;
  class SourceTrain;
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
  /// Where drive() is: when the last request that waited was in, the last data's end, and whether
  /// the next request has waited.
  struct Driven {
    std::int64_t *now, *end;
    bool* waited;
  };
  bool drive_train(RequestSource* source, TimedRequest* next, const Driven& driven);
  void issue_alone(std::size_t channel, std::int64_t* end);
  void count_alone(const DramChannel::Served& served, std::size_t channel);
  void report_acceptance(DramEvent* event);
  void report_completion(DramEvent* event);

  static constexpr std::int64_t kBurstSteps = 64;  // of check_interrupt_after()
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
  DramShortcuts shortcuts_;                  // of those that were joined, beyond the others'
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

/// Moves bursts of the offered request into queues while there is room; true when all are in.
[[gnu::always_inline]] inline bool CycleDram::push_offered() {
  for (;;) {
    const auto index = static_cast<std::size_t>(place_.channel >> log2_alike_);
    DramChannel& channel = channels_[index];
    if (!channel.has_room(offered_.write)) return false;
    const std::int64_t entry = std::max(port_cycle_, channel.last_accepted() + 1);
    channel.accept({place_.row, entry, static_cast<std::int32_t>(place_.bank), offered_request_,
                    offered_.write});
    change(index);
    entered_ = std::max(entered_, entry);
    Request& request = requests_[offered_request_];
    if (request.accepted < 0) request.accepted = entry;
    offered_bytes_ -= set_bytes_;
    if (offered_bytes_ == 0) return true;
    offered_.address += set_bytes_;
    place_ = decoder_.decode(offered_.address);
  }
}

/// With the last command of a request it is certain when that ends: returns it then.
inline const CycleDram::Completion* CycleDram::count_served(const DramChannel::Served& served,
                                                            std::size_t channel) {
  Request& request = requests_[served.request];
  const Completion end{served.end, last_of(channel), served.request};
  if (request.end.goes_before(end)) request.end = end;
  request.bursts_left -= alike_;
  return request.bursts_left > 0 ? nullptr : &request.end;
}

/// The same where nobody waits for its event.
inline void CycleDram::count_alone(const DramChannel::Served& served, std::size_t channel) {
  if (served.request == DramBurst::kAlone) {
    totals_.latency.add(served.end - served.accepted);
  } else if (const Completion* done = count_served(served, channel)) {
    totals_.latency.add(done->cycle - requests_[done->request].accepted);
    free_requests_.push_back(done->request);
  }
}

inline void CycleDram::add_completion(const Completion& end) {
  completions_.insert(end,
                      [](const Completion& a, const Completion& b) { return a.goes_before(b); });
  completions_first_ = completions_.front().cycle;
}

}  // namespace bitjoule
