#include "core/dram/queue.h"

namespace bitjoule {

void BurstQueue::grow() {
  free_ = static_cast<std::int32_t>(entries_.size());
  entries_.emplace_back();
}

std::int32_t BurstQueue::oldest_hit(std::int64_t bank, std::int64_t row) const {
  for (std::int32_t i = banks_[at(bank)].head; i != kNone; i = entry(i).next) {
    if (entry(i).burst.row == row) return i;
  }
  return kNone;
}

}  // namespace bitjoule
