#include "core/dram/queue.h"

namespace bitjoule {

void BurstQueue::grow() {
  free_.push_back(static_cast<std::int32_t>(entries_.size()));
  entries_.emplace_back();
}

void BurstQueue::link(std::int32_t index, std::uint64_t order) {
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
  } else {
    entry(bank.tail).next = index;
    if (bank.bids.open_row == e.burst.row) forget(&bank, e.burst.bank);
  }
  bank.tail = index;
  (youngest_ == kNone ? oldest_ : entry(youngest_).younger) = index;
  youngest_ = index;
  ++size_;
}

void BurstQueue::remove(std::int32_t index) {
  const Entry& e = entry(index);
  BankList& bank = banks_[at(e.burst.bank)];
  (e.previous == kNone ? bank.head : entry(e.previous).next) = e.next;
  (e.next == kNone ? bank.tail : entry(e.next).previous) = e.previous;
  (e.older == kNone ? oldest_ : entry(e.older).younger) = e.younger;
  (e.younger == kNone ? youngest_ : entry(e.younger).older) = e.older;
  forget(&bank, e.burst.bank);
  if (bank.head == kNone) {
    busy_[bank.position] = busy_.back();
    banks_[at(busy_.back())].position = bank.position;
    busy_.pop_back();
  }
  free_.push_back(index);
  --size_;
}

std::int32_t BurstQueue::oldest_hit(std::int64_t bank, std::int64_t row) const {
  for (std::int32_t i = banks_[at(bank)].head; i != kNone; i = entry(i).next) {
    if (entry(i).burst.row == row) return i;
  }
  return kNone;
}

}  // namespace bitjoule
