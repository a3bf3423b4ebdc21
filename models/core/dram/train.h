// Trains: runs of column commands to open rows, of which nothing but the oldest burst has to be
// known to issue the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/dram/device.h"
#include "core/dram/standard.h"

namespace bitjoule {

/// The bursts of a channel's train, oldest first, and the timing between them. All are of one
/// command and of banks whose rows are open and stay so, in one rank, so that what holds back a
/// burst is the one before it in its bank, in its group and at all.
///
/// Invariants: every burst is a hit; cycle() is when the oldest goes next, and it goes before all
/// others until then, for nothing holds it back but what holds back every burst, or no other bank
/// has one. Where that cannot be said, find_next() is false, or takes() is.
class Train {
 public:
  struct alignas(32) Burst {
    std::int64_t accepted = 0, order = 0;
    std::int32_t bank = 0;
    std::uint32_t request = 0;
  };

  static constexpr std::int64_t kMostBanks = 64;
  static constexpr std::int64_t kNoOrder = -1;  ///< of bursts that came after the train began
  /// Of a channel with so many bursts at most.
  Train(const DramStandard& standard, std::int64_t bursts) : banks_(at(standard.banks)) {
    std::size_t size = 1;
    while (size < at(bursts) + 1) size *= 2;
    ring_.resize(size);
    mask_ = size - 1;
    groups_.resize(at(standard.banks / standard.organization.banks_per_group));
    for (std::size_t b = 0; b < banks_.size(); ++b)
      banks_[b].group = static_cast<std::uint32_t>(b / at(standard.organization.banks_per_group));
  }

  /// Empty, before a command at `bus_free` at the earliest. No start from `limit` on.
  void begin(const DramStandard& standard, const DramDevice& device, DramCommand command,
             std::int64_t bus_free, std::int64_t data_clock_until, std::int64_t limit);

  /// Whether a burst that has come may be pushed: a hit that does not go before the oldest.
  bool takes(std::int64_t bank, std::int64_t row) const {
    return banks_[at(bank)].row == row && (!needs_one_bank_ || bank == last_bank_);
  }
  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  /// The youngest.
  void push(const Burst& burst) {
    same_bank_ = burst.bank == last_bank_ ? same_bank_ + 1 : 1;
    last_bank_ = burst.bank;
    ring_[tail_++ & mask_] = burst;
  }
  const Burst& oldest() const { return ring_[head_ & mask_]; }
  /// So many were accepted before `cycle`.
  std::size_t size_before(std::int64_t cycle) const {
    std::size_t end = tail_;
    while (end != head_ && ring_[(end - 1) & mask_].accepted >= cycle) --end;
    return end - head_;
  }
  /// The oldest goes at start().
  std::int64_t cycle() const { return cycle_; }
  std::int64_t start() const { return start_; }
  /// After that: what the device has to know of its bank is left for end().
  void pop() {
    Bank& bank = banks_[at(oldest().bank)];
    last_start_ = bank.last = start_;
    bank.ready = start_ + gap_.bank;
    groups_[bank.group] = start_ + gap_.group;
    shared_ = start_ + gap_.shared;
    bus_free_ = start_ + bus_cycles_;
    data_clock_until_ = start_ + data_clock_;
    ++head_;
  }
  /// When the next goes; false where the train ends: also where no burst was waiting for a while.
  bool find_next() {
    if (head_ == tail_) return false;
    const Burst& next = oldest();
    if (next.accepted >= last_start_) return false;  // none waited beside the last
    const Bank& bank = banks_[at(next.bank)];
    const std::int64_t from = std::max(next.accepted + 1, bus_free_);
    cycle_ = std::max({from, shared_, bank.ready, groups_[bank.group]});
    start_ = cycle_ + (cycle_ > data_clock_until_ ? cas_ : 0);
    needs_one_bank_ = cycle_ != from && cycle_ != shared_;
    return (!needs_one_bank_ || same_bank_ >= size()) && start_ < limit_;
  }
  /// Tells the device of all that has gone, with a call of visit(bank) for each bank of it. Every
  /// rule of theirs is a maximum over rising cycles: of each bank the last command counts alone.
  template <class Visit>
  void end(DramDevice* device, DramCommand command, Visit visit) const {
    for (std::size_t b = 0; b < banks_.size(); ++b) {
      if (banks_[b].last < 0) continue;
      device->issue_column(command, static_cast<std::int64_t>(b), banks_[b].last);
      visit(static_cast<std::int64_t>(b));
    }
  }
  /// Takes the oldest out unserved.
  void drop() { ++head_; }
  std::int64_t last_start() const { return last_start_; }
  std::int64_t data_clock_until() const { return data_clock_until_; }
  std::int64_t bus_free() const { return bus_free_; }

 private:
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  struct Bank {
    std::int64_t row = 0;    // open
    std::int64_t ready = 0;  // as far as its own bursts go
    std::int64_t last = -1;  // command of the train; -1: none
    std::uint32_t group = 0;
  };

  std::vector<Burst> ring_;  // as many as a power of two
  std::size_t mask_ = 0, head_ = 0, tail_ = 0;
  std::size_t same_bank_ = 0;  // so many of the youngest are of one bank: last_bank_
  std::int64_t last_bank_ = -1;
  bool needs_one_bank_ = false;  // others' bursts could go before the oldest
  std::vector<Bank> banks_;
  std::vector<std::int64_t> groups_;  // when each is ready
  DramDevice::ColumnGap gap_;
  std::int64_t shared_ = 0, bus_free_ = 0, bus_cycles_ = 0, limit_ = 0;
  std::int64_t data_clock_until_ = 0, data_clock_ = 0, cas_ = 0;
  std::int64_t cycle_ = 0, start_ = 0, last_start_ = 0;
};

}  // namespace bitjoule
