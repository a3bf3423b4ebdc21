// When two channels are in the same state, as far as anything is still to come of it.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {
namespace {

/// Whether both are the same or over: no later than `over`.
bool same_beyond(std::int64_t over, std::int64_t a, std::int64_t b) {
  return std::max(a, over) == std::max(b, over);
}

}  // namespace

/// What is kept of the last decision does not count: it follows from the rest. A data clock that
/// has stopped is one that ran until before `cycle`; causes of gaps in the data are told apart by
/// what came after the last data.
bool DramChannel::is_like(const DramChannel& o, std::int64_t cycle, std::int64_t port) const {
  const std::int64_t data_end = counts_.data_end;
  if (!may_be_like(o) || last_write_ != o.last_write_ || last_rank_ != o.last_rank_ ||
      !same_beyond(data_end, waiting_since_, o.waiting_since_) ||
      !same_beyond(std::max(data_end, waiting_since_), refresh_end_, o.refresh_end_))
    return false;
  if (draining_ != o.draining_ || opening_ != o.opening_ || entries_[0] != o.entries_[0] ||
      entries_[1] != o.entries_[1] || !same_beyond(port - 1, last_accepted_, o.last_accepted_))
    return false;
  for (std::size_t bus = 0; bus < 2; ++bus)
    if (!same_beyond(cycle, bus_free_[bus], o.bus_free_[bus])) return false;
  for (std::size_t rank = 0; rank < states_.size(); ++rank)
    if (!same_beyond(cycle - 1, data_clock_until_[rank], o.data_clock_until_[rank]) ||
        !states_[rank].is_like(o.states_[rank], cycle))
      return false;
  for (std::size_t bank = 0; bank < owner_.size(); ++bank)
    if (is_owned(static_cast<std::int64_t>(bank)) != o.is_owned(static_cast<std::int64_t>(bank)))
      return false;
  return refresh_.is_like(o.refresh_) && waits_like(o) && device_.is_like(o.device_, cycle);
}

/// Bursts of the same requests to the same places, in the same order. A burst that has had its ACT
/// owns its bank's row.
bool DramChannel::waits_like(const DramChannel& o) const {
  const auto same = [](const BurstQueue::Entry& a, const BurstQueue::Entry& b) {
    return a.burst.request != DramBurst::kAlone && a.burst.row == b.burst.row &&
           a.burst.bank == b.burst.bank && a.burst.accepted == b.burst.accepted &&
           a.burst.request == b.burst.request && a.burst.write == b.burst.write;
  };
  std::int32_t a[2] = {queues_[0].oldest(), queues_[1].oldest()};
  std::int32_t b[2] = {o.queues_[0].oldest(), o.queues_[1].oldest()};
  const auto next = [](const BurstQueue* queues, const std::int32_t* at) {
    if (at[0] == BurstQueue::kNone) return 1;
    if (at[1] == BurstQueue::kNone) return 0;
    return queues[1].entry(at[1]).order < queues[0].entry(at[0]).order ? 1 : 0;
  };
  while (a[0] != BurstQueue::kNone || a[1] != BurstQueue::kNone) {
    const int q = next(queues_, a);
    if (b[q] == BurstQueue::kNone || next(o.queues_, b) != q) return false;
    const BurstQueue::Entry &x = queues_[q].entry(a[q]), &y = o.queues_[q].entry(b[q]);
    if (!same(x, y) || x.activated != y.activated || x.precharged != y.precharged) return false;
    a[q] = x.younger;
    b[q] = y.younger;
  }
  if (b[0] != BurstQueue::kNone || b[1] != BurstQueue::kNone) return false;
  Fifo<Arrival> mine = arrivals_, theirs = o.arrivals_;
  for (; !mine.empty() && !theirs.empty(); mine.pop(), theirs.pop()) {
    const Arrival &x = mine.front(), &y = theirs.front();
    if (x.queue != y.queue ||
        !same(queues_[x.queue].entry(x.entry), o.queues_[y.queue].entry(y.entry)))
      return false;
  }
  return mine.empty() && theirs.empty();
}

}  // namespace bitjoule
