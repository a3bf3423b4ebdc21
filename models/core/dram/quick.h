// A DRAM without its commands: about when bursts are moved, several times faster than CycleDram, to
// choose among many request streams before the best few are put to that.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "core/dram/address_map.h"
#include "core/dram/engine.h"

namespace bitjoule {

/// Rows, banks, bank groups, queues and the draining of writes are as in CycleDram, with one
/// difference: a row opens as soon as its bank has no other hit to wait for, whatever else the
/// command bus does. No refreshes, no power-down, no age limit; of stats() only bursts, activates
/// and open rows.
class QuickDram : public DramEngine {
 public:
  /// `standard` is that of `config`. Both are copied.
  QuickDram(const CycleDramConfig& config, const DramStandard& standard);

  std::int64_t offer(const DramRequest& request, std::int64_t cycle) override;
  bool advance(std::int64_t limit, DramEvent* event) override;
  std::int64_t next() override;
  DramStats stats(std::int64_t cycle) override;
  Clock clock() const override { return Clock::from_period(standard_.tCK); }
  Bytes burst() const override { return Bytes(standard_.burst_bytes); }
  Bytes capacity() const override { return Bytes(standard_.capacity); }
  BytesPerSecond peak_bandwidth() const override { return bitjoule::peak_bandwidth(standard_); }

 private:
  enum : std::size_t { kReads = 0, kWrites = 1 };
  struct Burst {
    std::int64_t accepted;
    std::int32_t row, bank;
    std::uint32_t tag;
  };
  struct Bank {
    std::int64_t row = -1, column = 0, precharge = 0, first_opened = 0;
    std::array<std::int32_t, 2> hits{};  // of the open row, by queue
  };
  struct Channel {
    std::array<std::vector<Burst>, 2> queues;  // by age
    std::vector<Bank> banks;
    std::array<std::vector<std::int64_t>, 2> group_free, rank_free;  // by queue: column commands
    std::array<std::vector<std::int32_t>, 2> waiting;                // by queue and bank group
    std::vector<std::int64_t> activate_free;                         // by rank
    bool draining = false;
    std::size_t served = kReads;
    std::int64_t now = 0, entered = -1;  // of the last burst that left, that came
    // What is moved next, if nothing comes before it.
    bool chosen = false;
    std::size_t entry = 0;
    std::int64_t cycle = kNever, least = 0;  // of it; of any of its queue
  };
  /// Least clocks from one column command to another of the same bank group, rank or channel.
  struct Gaps {
    std::int64_t group = 0, rank = 0, other_ranks = 0;
  };

  std::size_t rank_of(const Burst& burst) const {
    return static_cast<std::size_t>(burst.bank >> log2_rank_);
  }
  std::size_t group_of(const Burst& burst) const {
    return static_cast<std::size_t>(burst.bank >> log2_group_);
  }
  bool push_offered();
  void admit(Channel& c, std::size_t queue, const Burst& burst);
  void open_row(Channel& c, std::size_t queue, const Burst& burst, std::int64_t now);
  void open_next(Channel& c, std::size_t queue, std::int64_t bank, std::int64_t now);
  std::size_t queue_to_serve(const Channel& c) const;
  void choose(Channel& c);
  bool consider(Channel& c, std::size_t entry);
  void issue(Channel& c);

  DramStandard standard_;
  DramControllerConfig controller_;
  AddressMap map_;
  AddressDecoder decoder_;
  int log2_group_, log2_rank_;  // of their banks
  double high_, low_;           // bursts in the queue of writes
  std::array<std::int64_t, 2> to_column_{}, to_precharge_{}, capacity_{};  // by queue
  std::int64_t row_active_ = 0, row_precharge_ = 0, between_activates_ = 0;
  std::array<std::array<Gaps, 2>, 2> gaps_;  // by queue of the one and of the other
  std::vector<Channel> channels_;
  DramRequest offered_;  // what of it is not yet in queues
  std::int64_t port_ = 0, entered_ = 0, accepted_at_ = kNever;
  using Done = std::pair<std::int64_t, std::uint64_t>;  // cycle, tag
  std::priority_queue<Done, std::vector<Done>, std::greater<>> done_;
  std::vector<std::pair<std::int64_t, std::int64_t>> waiting_;  // by tag: bursts left, last end
  DramStats stats_;
};

}  // namespace bitjoule
