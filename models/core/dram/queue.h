// The bursts that wait in one queue of a channel's controller, by bank and by age.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dram/bids.h"
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

/// A doubly linked list per bank and one over all, oldest first, and what the banks bid for: a bank
/// for the oldest hit of its open row and for the oldest burst if that needs another row, until
/// something changes for it. Grows to the most bursts that ever wait. A burst is put in once, where
/// it stays until it is served; linked into the lists later, when the scheduler may see it.
class BurstQueue {
 public:
  static constexpr std::int32_t kNone = -1;

  struct Entry {
    DramBurst burst;
    std::int64_t order = 0;                       // of acceptance in the channel
    bool activated = false, precharged = false;   // on its behalf
    std::int32_t next = kNone, previous = kNone;  // in its bank
    std::int32_t younger = kNone, older = kNone;  // in the queue
  };

  BurstQueue(std::int64_t banks, std::int64_t banks_per_group)
      : banks_(at(banks)), bids_(banks, banks_per_group) {}

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
  /// Takes out one that is not linked.
  void release(std::int32_t index) {
    entry(index).next = free_;
    free_ = index;
  }
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
    for (const std::int64_t bank : busy_) {
      BankList& list = banks_[at(bank)];
      list.head = list.tail = kNone;
      forget(&list, bank);
    }
    busy_.clear();
    youngest_ = kNone;
    size_ = 0;
    all_hits_ = false;
  }
  /// The row of `bank` has opened or closed.
  void row_changed(std::int64_t bank) {
    all_hits_ = false;
    forget(&banks_[at(bank)], bank);
  }
  /// Only its timing has changed.
  void timing_changed(std::int64_t bank) { forget(&banks_[at(bank)], bank); }

  std::int64_t size() const { return size_; }  ///< linked
  std::int32_t oldest() const { return oldest_; }
  const Entry& entry(std::int32_t index) const { return entries_[static_cast<std::size_t>(index)]; }
  Entry& entry(std::int32_t index) { return entries_[static_cast<std::size_t>(index)]; }
  /// Banks with at least one burst, in no particular order.
  const std::vector<std::int64_t>& busy_banks() const { return busy_; }
  std::int32_t oldest_of(std::int64_t bank) const { return banks_[at(bank)].head; }
  /// The oldest burst to `row` of `bank`, or kNone.
  std::int32_t oldest_hit(std::int64_t bank, std::int64_t row) const;

  /// Of all banks that are known.
  const BankBids& bids() const { return bids_; }
  /// Where the bids are not known, for one bank or for every busy one: calls find(bank), which adds
  /// them with add_bid() and says to which row a new burst would change them.
  template <class Find>
  void find_bids(std::int64_t bank, Find find) {
    BankList& list = banks_[at(bank)];
    if (list.known) return;
    list.open_row = find(bank);
    list.known = true;
  }
  template <class Find>
  void find_bids(Find find) {
    while (unknown_ != kNone) {
      const std::int32_t bank = unknown_;
      BankList& list = banks_[at(bank)];
      unknown_ = list.next_unknown;
      list.listed = false;
      if (list.head != kNone) find_bids(bank, find);
    }
  }
  /// Whether no bank bids for a row command: all that are not known have a hit of their open row,
  /// open_row(bank), as their oldest burst.
  template <class OpenRow>
  bool all_are_hits(OpenRow open_row) {
    if (all_hits_) return true;
    if (bids_.has_row_commands()) return false;
    for (std::int32_t* link = &unknown_; *link != kNone;) {
      BankList& list = banks_[at(*link)];
      if (list.known || list.head == kNone) {
        list.listed = false;
        *link = list.next_unknown;
        continue;
      }
      if (entry(list.head).burst.row != open_row(*link)) return false;
      link = &list.next_unknown;
    }
    all_hits_ = true;
    return true;
  }
  void add_bid(const Bid& bid) { bids_.add(bid); }

 private:
  struct BankList {
    std::int32_t head = kNone, tail = kNone;
    std::size_t position = 0;   // in busy_
    std::int64_t open_row = 0;  // a new burst to another row changes no bid
    std::int32_t next_unknown = kNone;
    bool listed = false;  // among the unknown
    bool known = false;   // the bids
  };
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  void grow();
  void forget(BankList* list, std::int64_t bank) {
    if (!list->known) return;
    list->known = false;
    bids_.remove(bank);
    list_unknown(list, bank);
  }
  void leave_busy(const BankList& bank) {
    busy_[bank.position] = busy_.back();
    banks_[at(busy_.back())].position = bank.position;
    busy_.pop_back();
  }
  void list_unknown(BankList* list, std::int64_t bank) {
    if (list->listed) return;
    list->listed = true;
    list->next_unknown = unknown_;
    unknown_ = static_cast<std::int32_t>(bank);
  }

  std::vector<Entry> entries_;
  std::int32_t free_ = kNone;  // the first of a list of entries without a burst
  std::vector<BankList> banks_;
  std::vector<std::int64_t> busy_;
  std::int32_t unknown_ = kNone;  // the first of a list of banks that have lost their bids
  BankBids bids_;
  // The last answer of all_are_hits(), if it was yes and stands: no row has changed since, and no
  // bank has another oldest burst than one to the same row.
  bool all_hits_ = false;
  std::int32_t oldest_ = kNone, youngest_ = kNone;
  std::int64_t size_ = 0;
};

// Once per burst: worth their place in the caller.

inline void BurstQueue::link(std::int32_t index, std::int64_t order) {
  Entry& e = entry(index);
  BankList& bank = banks_[at(e.burst.bank)];
  e.order = order;
  e.activated = e.precharged = false;
  e.previous = bank.tail;
  e.next = e.younger = kNone;
  e.older = youngest_;
  if (bank.tail == kNone) {
    bank.head = index;
    bank.position = busy_.size();
    busy_.push_back(e.burst.bank);
    list_unknown(&bank, e.burst.bank);
    all_hits_ = false;
  } else {
    entry(bank.tail).next = index;
    if (bank.open_row == e.burst.row) forget(&bank, e.burst.bank);
  }
  bank.tail = index;
  (youngest_ == kNone ? oldest_ : entry(youngest_).younger) = index;
  youngest_ = index;
  ++size_;
}

inline void BurstQueue::remove(std::int32_t index) {
  Entry& e = entry(index);
  BankList& bank = banks_[at(e.burst.bank)];
  if (e.next == kNone) {
    bank.tail = e.previous;
  } else {
    Entry& next = entry(e.next);
    next.previous = e.previous;
    if (e.previous == kNone && next.burst.row != e.burst.row) all_hits_ = false;
  }
  if (e.previous != kNone) {
    entry(e.previous).next = e.next;
  } else {
    bank.head = e.next;
    if (e.next == kNone) leave_busy(bank);
  }
  (e.older == kNone ? oldest_ : entry(e.older).younger) = e.younger;
  (e.younger == kNone ? youngest_ : entry(e.younger).older) = e.older;
  forget(&bank, e.burst.bank);
  e.next = free_;
  free_ = index;
  --size_;
}

}  // namespace bitjoule
