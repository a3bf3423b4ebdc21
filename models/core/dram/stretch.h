// Stretches: what a channel does between two refreshes for one of its queues, row commands and all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/dram/device.h"
#include "core/dram/standard.h"
#include "core/dram/stretch_bids.h"
#include "core/fifo.h"

namespace bitjoule {

/// The bursts of a channel's stretch and what their banks bid for. All are of one command and of
/// one queue of an FR-FCFS controller with one rank, one command bus and rows that stay open; no
/// refresh and no age limit is near. Then a decision needs nothing but the least key of the bids.
///
/// Invariants: a bank's bids follow from its list, its open row, its owner and its timing in the
/// device, and are made again as soon as one of them changes: bids() and these always agree. Of a
/// bank with an owner, the burst that its row was opened for, only the owner bids, and not before
/// the second half of its activate.
class Stretch {
 public:
  static constexpr std::int32_t kNone = -1;
  struct Burst {
    std::int64_t row = 0, accepted = 0;
    std::int64_t order = 0;  ///< of acceptance
    std::int32_t bank = 0;
    std::uint32_t request = 0;
    std::int32_t next = kNone;                   // in its bank, or of the free ones
    bool activated = false, precharged = false;  ///< on its behalf
    bool is_new = true;  ///< its order is the stretch's own: the channel has given it none
  };
  /// The next command: of `entry`, or, of none, the second half of the activate under way.
  struct Choice {
    std::int64_t key = BankBids::kNoKey;
    /// Cycle of the bid that goes first, behind the second half if that does.
    std::int64_t bid = 0;
    std::int64_t cycle = 0, start = 0;
    std::int32_t entry = kNone;
    std::int32_t bank = 0;
    DramCommand command = DramCommand::kAct2;
  };

  explicit Stretch(const DramStandard& standard);

  /// Empty, on `device`, for bursts of `command`, the next of which has `order`; the bus is free
  /// from `bus` on.
  void begin(DramDevice* device, DramCommand command, std::int64_t bus, std::int64_t order);
  DramCommand command() const { return command_; }

  /// Takes a burst that came before the stretch, the oldest first; then begin_bids().
  void take(const Burst& burst) {
    const std::int32_t index = store(burst);
    append(index);
    if (burst.activated) banks_[at(burst.bank)].owner = index;
  }
  void begin_bids();
  /// Takes one that has come, which no decision knows yet.
  void push(std::int64_t accepted, std::int64_t row, std::int32_t bank, std::uint32_t request) {
    arrivals_.push(store({row, accepted, order_++, bank, request}));
  }
  /// The same where the next decision has to know it and knows all before.
  void push_known(std::int64_t accepted, std::int64_t row, std::int32_t bank,
                  std::uint32_t request) {
    link(store({row, accepted, order_++, bank, request}));
  }
  bool knows_all() const { return arrivals_.empty(); }
  /// Whether a decision for `cycle` has to know of an arrival that it does not.
  bool is_late(std::int64_t cycle) const {
    return !arrivals_.empty() && burst(arrivals_.front()).accepted < cycle;
  }
  /// Lets decisions know the first arrival; returns its bank.
  std::int32_t admit() {
    const std::int32_t index = arrivals_.front();
    arrivals_.pop();
    link(index);
    return burst(index).bank;
  }
  std::int64_t size() const { return size_; }  ///< that decisions know
  bool has_no_row_bids() const { return bids_.has_no_row_bids(); }
  std::int64_t owners() const { return owners_; }
  std::int64_t next_order() const { return order_; }
  const Burst& burst(std::int32_t index) const { return bursts_[at(index)]; }

  /// The command that goes first, with the bus free from `bus` on.
  Choice choose(std::int64_t bus, Simd simd) const;
  /// The same where `choice` was it before `bank` got a bid more.
  Choice consider(const Choice& choice, std::int32_t bank, std::int64_t bus) const;

  /// Tells it and the device of a command that goes at `start`.
  void activate(const Choice& choice);
  void finish_activate();
  void precharge(const Choice& choice);
  /// The burst stays readable until the next is taken.
  void serve(const Choice& choice);

  /// Tells the device what is left to tell, and takes all bursts out, the oldest first, with a call
  /// of visit(burst, whether it owns its bank's row) for each.
  template <class Visit>
  void end(Visit visit) {
    tell_device();
    for (const std::int32_t index : known_by_age())
      visit(burst(index), banks_[at(burst(index).bank)].owner == index);
    for (; !arrivals_.empty(); arrivals_.pop()) visit(burst(arrivals_.front()), false);
  }
  std::int32_t opening() const { return opening_; }  ///< bank with half an activate, or kNone

 private:
  struct Bank {
    std::int64_t row = DramDevice::kClosed;   // open
    std::int64_t last = -1;                   // column command of the stretch; -1: none
    std::int32_t head = kNone, tail = kNone;  // bursts, oldest first
    std::int32_t owner = kNone;               // its bid is the only one
    std::int32_t column = kNone;              // burst that bids for a column command
  };
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  std::int32_t store(const Burst& burst);
  void append(std::int32_t index);
  void link(std::int32_t index);
  void unlink(Bank* bank, std::int32_t index);
  void bid(StretchBids::Kind kind, std::int32_t index, std::int64_t level);
  void bid_first(std::int32_t bank);
  void bid_again(std::int32_t b, Bank* bank);
  void update_gates(DramCommand command, std::int64_t bank);
  void update_gates(StretchBids::Kind kind, std::int64_t bank);
  std::vector<std::int32_t> known_by_age() const;
  void tell_device();
  Choice choice_of(std::int64_t key, std::int64_t bus) const;

  DramDevice* device_ = nullptr;
  const bool two_step_activate_;
  DramCommand command_ = DramCommand::kRead;
  std::vector<Burst> bursts_;  // grows to the most that ever wait
  std::int32_t free_ = kNone;
  std::vector<Bank> banks_;
  StretchBids bids_;
  Fifo<std::int32_t> arrivals_;
  std::int64_t order_ = 0, size_ = 0, owners_ = 0;
  std::int32_t opening_ = kNone;
};

inline std::int32_t Stretch::store(const Burst& burst) {
  if (free_ == kNone) {
    free_ = static_cast<std::int32_t>(bursts_.size());
    bursts_.emplace_back();
  }
  const std::int32_t index = free_;
  Burst& b = bursts_[at(index)];
  free_ = b.next;
  b = burst;
  return index;
}

inline void Stretch::append(std::int32_t index) {
  Bank& bank = banks_[at(burst(index).bank)];
  (bank.tail == kNone ? bank.head : bursts_[at(bank.tail)].next) = index;
  bank.tail = index;
  bursts_[at(index)].next = kNone;
  ++size_;
}

inline void Stretch::bid(StretchBids::Kind kind, std::int32_t index, std::int64_t level) {
  const Burst& b = burst(index);
  const DramCommand command = bids_.command_of(kind);
  bids_.set(kind, b.bank, std::max(b.accepted + 1, device_->earliest_of_bank(command, b.bank)),
            level, b.order);
}

/// Of the kinds of commands that wait for others after `command`.
inline void Stretch::update_gates(DramCommand command, std::int64_t bank) {
  for (unsigned left = device_->reaches(command); left != 0; left &= left - 1)
    update_gates(static_cast<StretchBids::Kind>(__builtin_ctz(left)), bank);
}

inline void Stretch::update_gates(StretchBids::Kind kind, std::int64_t bank) {
  const DramCommand command = bids_.command_of(kind);
  bids_.set_gates(kind, bank, device_->earliest_of_group(command, bank),
                  device_->earliest_in_rank(command, 0));
}

/// A younger burst changes its bank's bids only as the first, or as the first hit of the open row.
inline void Stretch::link(std::int32_t index) {
  append(index);
  const Burst& b = burst(index);
  Bank& bank = banks_[at(b.bank)];
  if (bank.head == index) return bid_first(b.bank);
  if (bank.column != kNone || b.row != bank.row || b.bank == opening_) return;
  bank.column = index;
  bid(StretchBids::kColumn, index, BankBids::kColumn);
}

inline Stretch::Choice Stretch::choice_of(std::int64_t key, std::int64_t bus) const {
  Choice c;
  c.key = key;
  if (opening_ != kNone && key >= bids_.second_half(bus)) {
    if (key != BankBids::kNoKey) c.key = bids_.second_half(bus);
    c.bid = bids_.cycle_of(key);
    c.cycle = bus;  // the first clock that no column command takes
    c.bank = opening_;
    return c;
  }
  c.cycle = c.bid = bids_.cycle_of(key);
  if (key == BankBids::kNoKey) return c;
  c.bank = static_cast<std::int32_t>(StretchBids::bank_of(key));
  c.command = BankBids::kCommands[at(key) >> BankBids::kBankBits & 3U];
  const Bank& bank = banks_[at(c.bank)];
  c.entry = is_column(c.command) ? bank.column : bank.head;
  return c;
}

}  // namespace bitjoule
