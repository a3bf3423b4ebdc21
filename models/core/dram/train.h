// Trains: runs of column commands to open rows, of which nothing but the oldest burst has to be
// known to issue the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/dram/address_map.h"
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
  bool takes(std::int64_t bank, std::int64_t row) const { return takes(now_, bank, row); }
  bool empty() const { return now_.head == now_.tail; }
  std::size_t size() const { return now_.tail - now_.head; }
  /// The youngest.
  void push(const Burst& burst) { push(now_, burst); }
  const Burst& oldest() const { return ring_[now_.head & mask_]; }
  /// So many were accepted before `cycle`.
  std::size_t size_before(std::int64_t cycle) const {
    std::size_t end = now_.tail;
    while (end != now_.head && ring_[(end - 1) & mask_].accepted >= cycle) --end;
    return end - now_.head;
  }
  /// The oldest goes at start().
  std::int64_t cycle() const { return now_.cycle; }
  std::int64_t start() const { return now_.start; }
  /// After that: what the device has to know of its bank is left for end().
  void pop() { pop(now_); }
  /// When the next goes; false where the train ends: also where no burst was waiting for a while.
  bool find_next() { return find_next(now_); }
  /// Lets one burst after the other go, from cycles before `until`. `user`: served(burst, cycle,
  /// start) is told of each and says until when others may go; waiting(cycle) has the place of the
  /// one that comes instead, or null; if that is a burst of the train, enter(&until) is it. False
  /// where the train ends.
  template <class User>
  [[gnu::always_inline]] bool run(std::int64_t until, User& user) {
    Now now = now_;
    bool goes_on = true;
    while (now.cycle < until) {
      const Burst burst = ring_[now.head & mask_];
      const std::int64_t cycle = now.cycle, start = now.start;
      pop(now);
      goes_on = find_next(now);
      until = user.served(burst, cycle, start);
      const DramAddress* const place = user.waiting(cycle);
      if (!goes_on) break;
      if (place != nullptr) {
        if (!takes(now, place->bank, place->row)) break;
        push(now, user.enter(&until));
      }
    }
    now_ = now;
    return goes_on;
  }
  /// Tells the device of all that has gone. Every rule of theirs is a maximum over rising cycles:
  /// of each bank the last command counts alone.
  void end(DramDevice* device, DramCommand command) const {
    for (std::size_t b = 0; b < banks_.size(); ++b)
      if (banks_[b].last >= 0)
        device->issue_column(command, static_cast<std::int64_t>(b), banks_[b].last);
  }
  /// Takes the oldest out unserved.
  void drop() { ++now_.head; }
  std::int64_t last_start() const { return now_.last_start; }
  std::int64_t data_clock_until() const { return now_.data_clock_until; }
  std::int64_t bus_free() const { return now_.bus_free; }

 private:
  /// What changes with each burst, but for its bank and its group.
  struct Now {
    std::size_t head = 0, tail = 0;
    std::size_t same_bank = 0;  // so many of the youngest are of one bank: last_bank
    std::int64_t last_bank = -1;
    bool needs_one_bank = false;  // others' bursts could go before the oldest
    std::int64_t shared = 0, bus_free = 0, data_clock_until = 0;
    std::int64_t cycle = 0, start = 0, last_start = 0;
  };
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  bool takes(const Now& now, std::int64_t bank, std::int64_t row) const {
    return banks_[at(bank)].row == row && (!now.needs_one_bank || bank == now.last_bank);
  }
  [[gnu::always_inline]] void push(Now& now, const Burst& burst) {
    now.same_bank = burst.bank == now.last_bank ? now.same_bank + 1 : 1;
    now.last_bank = burst.bank;
    ring_[now.tail++ & mask_] = burst;
  }
  [[gnu::always_inline]] void pop(Now& now) {
    Bank& bank = banks_[at(ring_[now.head & mask_].bank)];
    now.last_start = bank.last = now.start;
    bank.ready = now.start + gap_.bank;
    groups_[bank.group] = now.start + gap_.group;
    now.shared = now.start + gap_.shared;
    now.bus_free = now.start + bus_cycles_;
    now.data_clock_until = now.start + data_clock_;
    ++now.head;
  }
  [[gnu::always_inline]] bool find_next(Now& now) const {
    if (now.head == now.tail) return false;
    const Burst& next = ring_[now.head & mask_];
    if (next.accepted >= now.last_start) return false;  // none waited beside the last
    const Bank& bank = banks_[at(next.bank)];
    const std::int64_t from = std::max(next.accepted + 1, now.bus_free);
    now.cycle = std::max({from, now.shared, bank.ready, groups_[bank.group]});
    now.start = now.cycle + (now.cycle > now.data_clock_until ? cas_ : 0);
    now.needs_one_bank = now.cycle != from && now.cycle != now.shared;
    return (!now.needs_one_bank || now.same_bank >= now.tail - now.head) && now.start < limit_;
  }
  struct Bank {
    std::int64_t row = 0;    // open
    std::int64_t ready = 0;  // as far as its own bursts go
    std::int64_t last = -1;  // command of the train; -1: none
    std::uint32_t group = 0;
  };

  std::vector<Burst> ring_;  // as many as a power of two
  std::size_t mask_ = 0;
  Now now_;
  std::vector<Bank> banks_;
  std::vector<std::int64_t> groups_;  // when each is ready
  DramDevice::ColumnGap gap_;
  std::int64_t bus_cycles_ = 0, limit_ = 0, data_clock_ = 0, cas_ = 0;
};

}  // namespace bitjoule
