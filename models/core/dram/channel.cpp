#include "core/dram/channel.h"

#include <algorithm>
#include <cmath>

namespace bitjoule {
namespace {

/// Whole bursts: more than the share are more than these.
std::int64_t share_of(double share, std::int64_t bursts) {
  return static_cast<std::int64_t>(std::floor(share * static_cast<double>(bursts)));
}

}  // namespace

DramChannel::DramChannel(const DramStandard& standard, const DramControllerConfig& controller)
    : standard_(standard),
      controller_(controller),
      unified_(controller.unified_queue),
      split_bus_(standard.split_bus),
      device_(standard),
      refresh_(standard, controller.refresh),
      states_(static_cast<std::size_t>(standard.organization.ranks)),
      queues_{BurstQueue(standard.banks), BurstQueue(standard.banks)},
      bids_(device_, standard.banks, standard.organization.banks_per_group),
      kinds_{BankBids::kinds_of(0, unified_), BankBids::kinds_of(1, unified_)},
      by_keys_(standard.organization.ranks == 1 &&
               standard.banks <= static_cast<std::int64_t>(BankBids::kMostBanks) &&
               controller.scheduler == DramScheduler::kFrFcfs),
      capacity_{controller.read_queue, unified_ ? 0 : controller.write_queue},
      high_(share_of(controller.watermarks.high, controller.write_queue)),
      low_(share_of(controller.watermarks.low, controller.write_queue)),
      data_clock_until_(static_cast<std::size_t>(standard.organization.ranks), -1),
      owner_(static_cast<std::size_t>(standard.banks)),
      allows_trains_{allows_trains(DramCommand::kRead), allows_trains(DramCommand::kWrite)},
      train_(standard, std::max(controller.read_queue, controller.write_queue)) {}

/// Orders begin at 0 again where there is no room for more: the same, but for gaps.
void DramChannel::renumber() {
  std::int32_t next[2] = {queues_[0].oldest(), queues_[1].oldest()};
  for (order_ = 0; next[0] != BurstQueue::kNone || next[1] != BurstQueue::kNone; ++order_) {
    const bool second = next[0] == BurstQueue::kNone ||
                        (next[1] != BurstQueue::kNone &&
                         queues_[1].entry(next[1]).order < queues_[0].entry(next[0]).order);
    const std::size_t q = second ? 1 : 0;
    BurstQueue::Entry& e = queues_[q].entry(next[q]);
    e.order = order_;
    next[q] = e.younger;
  }
  for (std::int64_t rank = 0; rank < standard_.organization.ranks; ++rank) rank_changed(rank);
  was_by_keys_ = false;  // choice_ is to be made again
}

void DramChannel::rank_changed(std::int64_t rank) {
  for (std::int64_t b = 0; b < standard_.banks_per_rank; ++b)
    bid_again(rank * standard_.banks_per_rank + b);
}

/// Precharges `row` where no burst to it waits any more.
void DramChannel::close_if_last(std::int64_t bank, std::int64_t row) {
  if (queues_[0].oldest_hit(bank, row) != BurstQueue::kNone ||
      queues_[1].oldest_hit(bank, row) != BurstQueue::kNone) {
    return;
  }
  note(DramCommand::kPre, bank, row, device_.auto_precharge(bank), true);
  bid_again(bank);
}

DramStates DramChannel::states(std::int64_t cycle) const {
  DramStates sum;
  for (const RankStates& rank : states_) sum.add(rank.until(cycle), 1);
  return sum;
}

}  // namespace bitjoule
