#include "core/dram/queue.h"

namespace bitjoule {

BurstQueue::BurstQueue(std::int64_t banks) : banks_(at(banks)) {}

void BurstQueue::push(const DramBurst& burst, std::uint64_t order) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::int32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::int32_t index = free_.back();
  free_.pop_back();
  BankList& bank = banks_[at(burst.bank)];
  Entry& e = entry(index);
  e = Entry{burst, order, false, false, kNone, bank.tail, kNone, youngest_};
  if (bank.tail == kNone) {
    bank.head = index;
    bank.position = busy_.size();
    busy_.push_back(burst.bank);
  } else {
    entry(bank.tail).next = index;
  }
  bank.tail = index;
  if (bank.head == index || bank.bids.row == burst.row) bank.bids.known = false;
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
  bank.bids.known = false;
  if (bank.head == kNone) {
    busy_[bank.position] = busy_.back();
    banks_[at(busy_.back())].position = bank.position;
    busy_.pop_back();
  }
  free_.push_back(index);
  --size_;
}

std::int32_t BurstQueue::oldest_hit(std::int64_t bank, std::int64_t row) const {
  for (std::int32_t i = banks_[at(bank)].head; i != kNone;
       i = entries_[static_cast<std::size_t>(i)].next) {
    if (entries_[static_cast<std::size_t>(i)].burst.row == row) return i;
  }
  return kNone;
}

}  // namespace bitjoule
