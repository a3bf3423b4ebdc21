// The bursts that wait in one queue of a channel's controller, by bank and by age.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dram/standard.h"

namespace bitjoule {

/// One column access, decoded when it was accepted.
struct DramBurst {
  std::int64_t bank = 0, row = 0, column = 0;
  bool write = false;
  std::uint32_t request = 0;  ///< the engine's
  std::int64_t accepted = 0;  ///< cycle; commands may follow from the next one on
};

/// A doubly linked list per bank and one over all, oldest first, in a fixed pool. Each bank
/// remembers the burst it would serve next until something changes for it.
class BurstQueue {
 public:
  static constexpr std::int32_t kNone = -1;

  struct Entry {
    DramBurst burst;
    std::uint64_t order = 0;                      // of acceptance in the channel
    bool activated = false, precharged = false;   // on its behalf
    std::int32_t next = kNone, previous = kNone;  // in its bank
    std::int32_t younger = kNone, older = kNone;  // in the queue
  };

  BurstQueue(std::int64_t capacity, std::int64_t banks);

  void push(const DramBurst& burst, std::uint64_t order);
  void remove(std::int32_t entry);
  /// The row of `bank` was opened or closed.
  void row_changed(std::int64_t bank) { banks_[at(bank)].known = false; }

  std::int64_t size() const { return size_; }
  std::int32_t oldest() const { return oldest_; }
  Entry& entry(std::int32_t index) { return entries_[static_cast<std::size_t>(index)]; }
  /// Banks with at least one burst, in no particular order.
  const std::vector<std::int64_t>& busy_banks() const { return busy_; }
  /// The burst that `bank` serves next: the oldest to the open row, or else the oldest.
  std::int32_t candidate(std::int64_t bank, std::int64_t open_row) {
    BankList& list = banks_[at(bank)];
    if (!list.known) {
      list.candidate = oldest_hit(bank, open_row);
      if (list.candidate == kNone) list.candidate = list.head;
      list.known = true;
    }
    return list.candidate;
  }
  std::int32_t oldest_of(std::int64_t bank) const { return banks_[at(bank)].head; }
  /// The oldest burst to `row` of `bank`, or kNone.
  std::int32_t oldest_hit(std::int64_t bank, std::int64_t row) const;

 private:
  struct BankList {
    std::int32_t head = kNone, tail = kNone, candidate = kNone;
    bool known = false;
    std::size_t position = 0;  // in busy_
  };
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

  std::vector<Entry> entries_;
  std::vector<std::int32_t> free_;
  std::vector<BankList> banks_;
  std::vector<std::int64_t> busy_;
  std::int32_t oldest_ = kNone, youngest_ = kNone;
  std::int64_t size_ = 0;
};

}  // namespace bitjoule
