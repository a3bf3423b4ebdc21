// The bursts that wait in one queue of a channel's controller, by bank and by age.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dram/standard.h"

namespace bitjoule {

/// One column access, decoded when it was accepted.
struct DramBurst {
  static constexpr std::uint32_t kAlone = 0xffffffff;  ///< request of a burst that is all of it
  std::int64_t row = 0;
  std::int64_t accepted = 0;  ///< cycle; commands may follow from the next one on
  std::int32_t bank = 0;
  std::uint32_t request = 0;  ///< the engine's
  bool write = false;
};

/// A doubly linked list per bank and one over all, oldest first. Grows to the most bursts that ever
/// wait. A burst is put in once, where it stays until it is served; linked into the lists later,
/// when the scheduler may see it.
class BurstQueue {
 public:
  static constexpr std::int32_t kNone = -1;

  struct Entry {
    DramBurst burst;
    bool activated = false, precharged = false;   // on its behalf
    std::int64_t order = 0;                       // of acceptance in the channel
    std::int32_t next = kNone, previous = kNone;  // in its bank
    std::int32_t younger = kNone, older = kNone;  // in the queue
  };
  /// Of one bank.
  struct List {
    std::int32_t head = kNone, tail = kNone;
    std::int32_t column = kNone;  ///< the scheduler's: which of them bids for a column command
  };

  explicit BurstQueue(std::int64_t banks) : banks_(at(banks)) {}

  std::int32_t put(const DramBurst& burst) {
    if (free_ == kNone) grow();
    const std::int32_t index = free_;
    Entry& e = entry(index);
    free_ = e.next;
    e.burst = burst;
    return index;
  }
  void link(std::int32_t entry, std::int64_t order);
  void remove(std::int32_t entry);
  /// Takes all out, the oldest first, with a call of visit(entry) for each.
  template <class Visit>
  void take_all(Visit visit) {
    while (oldest_ != kNone) {
      const std::int32_t index = oldest_;
      Entry& e = entry(index);
      visit(e);
      oldest_ = e.younger;
      e.next = free_;
      free_ = index;
    }
    for (List& list : banks_) list = {};
    youngest_ = kNone;
    size_ = 0;
  }

  std::int64_t size() const { return size_; }  ///< linked
  std::int32_t oldest() const { return oldest_; }
  const Entry& entry(std::int32_t index) const { return entries_[static_cast<std::size_t>(index)]; }
  Entry& entry(std::int32_t index) { return entries_[static_cast<std::size_t>(index)]; }
  List& list(std::int64_t bank) { return banks_[at(bank)]; }
  const List& list(std::int64_t bank) const { return banks_[at(bank)]; }
  /// The oldest burst to `row` of `bank`, or kNone.
  std::int32_t oldest_hit(std::int64_t bank, std::int64_t row) const {
    std::int32_t i = banks_[at(bank)].head;
    while (i != kNone && entry(i).burst.row != row) i = entry(i).next;
    return i;
  }

 private:
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  void grow() {
    free_ = static_cast<std::int32_t>(entries_.size());
    entries_.emplace_back();
  }

  std::vector<Entry> entries_;
  std::int32_t free_ = kNone;  // the first of a list of entries without a burst
  std::vector<List> banks_;
  std::int32_t oldest_ = kNone, youngest_ = kNone;
  std::int64_t size_ = 0;
};

// Once per burst: worth their place in the caller.

inline void BurstQueue::link(std::int32_t index, std::int64_t order) {
  Entry& e = entry(index);
  List& bank = banks_[at(e.burst.bank)];
  e.order = order;
  e.activated = e.precharged = false;
  e.previous = bank.tail;
  e.next = e.younger = kNone;
  e.older = youngest_;
  (bank.tail == kNone ? bank.head : entry(bank.tail).next) = index;
  bank.tail = index;
  (youngest_ == kNone ? oldest_ : entry(youngest_).younger) = index;
  youngest_ = index;
  ++size_;
}

inline void BurstQueue::remove(std::int32_t index) {
  Entry& e = entry(index);
  List& bank = banks_[at(e.burst.bank)];
  (e.next == kNone ? bank.tail : entry(e.next).previous) = e.previous;
  (e.previous == kNone ? bank.head : entry(e.previous).next) = e.next;
  (e.older == kNone ? oldest_ : entry(e.older).younger) = e.younger;
  (e.younger == kNone ? youngest_ : entry(e.younger).older) = e.older;
  e.next = free_;
  free_ = index;
  --size_;
}

}  // namespace bitjoule
