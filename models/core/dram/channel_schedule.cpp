// The scheduler of the channel's controller: which command goes next.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

/// Brings choice_ up to date after a burst was admitted, without asking every bank again where only
/// one more bid has come: not where that burst makes the controller turn. What choice_ is of says
/// nothing of that: owners of the queue that is not served may go, too.
void DramChannel::reconsider(const Arrival& arrival) {
  BurstQueue& q = queues_[arrival.queue];
  const std::int64_t bank = q.entry(arrival.entry).burst.bank;
  if (choice_.entry == BurstQueue::kNone || aged_ || bank == choice_.bank ||
      queue_to_serve() != served_queue_ || controller_.scheduler == DramScheduler::kFcfs) {
    choose();
  } else if (arrival.queue == served_queue_) {
    q.find_bids(bank, [&](std::int64_t b) { return find_bids(arrival.queue, b); });
    q.bids().for_each_of(bank, [&](const Bid& bid) { consider(bid, arrival.queue, &choice_); });
  }
}

/// A burst accepted at cycle c can be served from c + 1 on, so a decision for cycle t has to know
/// all arrivals before t and may not know any later one.
void DramChannel::decide() {
  if (!decided_) {
    if (queues_[0].size() + queues_[1].size() == 0) {
      catch_up(arrivals_.front().accepted);
      wake_all(arrivals_.front().accepted + 1);
      admit_arrival();
    }
    while (!split_bus_ && is_late(bus_free_[0])) admit_arrival();
    choose();
    decided_ = true;
  }
  while (is_late(choice_.cycle)) reconsider(admit_arrival());
}

void DramChannel::choose() {
  const std::size_t queue = served_queue_ = queue_to_serve();
  oldest_first_ = take_oldest(queue);
  if (!oldest_first_) {
    queues_[queue].find_bids([&](std::int64_t bank) { return find_bids(queue, bank); });
    choice_ = Choice{};
    pick(queue, &choice_);
  }
  apply_age_limit(&choice_);
  if (opening_ != kNoBank) finish_activate(&choice_);
  if (refresh_.soonest() <= choice_.cycle) consider_refresh(&choice_);
}

/// The usual case of a stream, decided without asking every bank: all that bid are hits of open
/// rows, and nothing holds back the oldest burst longer than it holds back any column command (or
/// no other bank bids). Makes it choice_; false where that cannot be said.
inline bool DramChannel::take_oldest(std::size_t queue) {
  BurstQueue& q = queues_[queue];
  if (!owners_.empty() || !shortcuts_) return false;  // ACT2 waits only beside an owner
  if (!q.all_are_hits([&](std::int64_t b) { return device_.open_row(b); })) return false;
  const BurstQueue::Entry& oldest = q.entry(q.oldest());
  const std::int64_t bank = oldest.burst.bank;
  const DramCommand command = oldest.burst.write ? DramCommand::kWrite : DramCommand::kRead;
  const DramDevice::ColumnWait wait = device_.column_wait(command, bank);
  const std::int64_t from = std::max(oldest.burst.accepted + 1, bus_free_[bus_of(command)]);
  const std::int64_t cycle = std::max(from, wait.all);
  if (cycle > from && cycle > wait.shared && q.busy_banks().size() > 1) return false;
  if (cycle > from && (unified_ || device_.ranks() > 1) && q.busy_banks().size() > 1 &&
      cycle > earliest_column(command)) {
    return false;
  }
  const std::int64_t start = start_of(command, bank, cycle);
  if (start >= refresh_.soonest()) return false;
  choice_.cycle = cycle;
  choice_.start = start;
  choice_.rank = BankBids::rank_of(BankBids::kColumn, oldest.order, command, bank);
  choice_.bank = bank;
  choice_.entry = q.oldest();
  choice_.queue = queue;
  choice_.command = command;
  choice_.owner = false;
  return true;
}

std::size_t DramChannel::queue_to_serve() const {
  if (unified_) return 0;
  std::int64_t reads = queues_[0].size(), writes = queues_[1].size();
  if (controller_.release_on_activate)
    for (const Owner& o : owners_) --(o.queue == 1 ? writes : reads);
  if (writes == 0) return queues_[0].size() == 0 ? 1 : 0;  // one with an owner, if nothing else
  if (reads == 0) return 1;
  return static_cast<double>(writes) > (draining_ ? low_ : high_) ? 1 : 0;
}

/// First cycle at which any burst that waits beside one with `command` could be served.
inline std::int64_t DramChannel::earliest_column(DramCommand command) const {
  const std::int64_t cycle = device_.earliest_in_some_rank(command);
  if (!unified_) return cycle;
  const bool read = command == DramCommand::kRead;
  return std::min(cycle,
                  device_.earliest_in_some_rank(read ? DramCommand::kWrite : DramCommand::kRead));
}

void DramChannel::pick(std::size_t queue, Choice* best) {
  const BurstQueue& q = queues_[queue];
  if (controller_.scheduler == DramScheduler::kFcfs) {
    consider_only(queue, q.oldest(), best);
    return;
  }
  if (!pick_unblocked(queue, best)) {
    q.bids().for_each([&](const Bid& bid) { consider(bid, queue, best); });
  }
  consider_owners(best);  // after the others: few of them are ready as early as one of those
}

/// Considers all bids of a queue at once; false, with nothing decided, where a refresh may hold
/// some of them back. A bank that waits for its ACT2 has an owner, so it does not bid here.
inline bool DramChannel::pick_unblocked(std::size_t queue, Choice* best) {
  if (!shortcuts_) return false;
  const std::int64_t row = bus_free_[0], column = bus_free_[split_bus_ ? 1 : 0];
  const std::int64_t now = std::min(row, column);
  const BankBids& bids = queues_[queue].bids();
  const std::int64_t key =
      bids.first({device_.beyond(), now, {column, column, row, row}, opening_ == kNoBank}, simd_);
  if (key >= BankBids::kFarKey) return key == BankBids::kNoKey;
  const Bid bid = bids.bid_of(key);
  const std::int64_t cycle = now + BankBids::clocks_of(key);
  if (cycle > best->cycle || (cycle == best->cycle && bid.rank > best->rank)) return true;
  const std::int64_t start = start_of(bid.command, bid.bank, cycle);
  if (start >= refresh_.soonest()) return false;
  *best = {cycle, start, bid.rank, bid.bank, bid.entry, queue, bid.command, false};
  return true;
}

/// `entry` and the owners, which may be in its way.
void DramChannel::consider_only(std::size_t queue, std::int32_t entry, Choice* best) const {
  consider_owners(best);
  const Bid bid = make_bid(queue, entry, false);
  if (!owned_[static_cast<std::size_t>(bid.bank)]) consider(bid, queue, best);
}

void DramChannel::consider_owners(Choice* best) const {
  for (const Owner& o : owners_) consider(o.bid, o.queue, best);
}

/// With the rank's data clock stopped, CAS takes the clock in which the burst could have started.
std::int64_t DramChannel::start_of(DramCommand command, std::int64_t bank,
                                   std::int64_t cycle) const {
  if (standard_.data_clock_after_read == 0 || !is_column(command)) return cycle;
  const auto rank = static_cast<std::size_t>(device_.rank_of(bank));
  return cycle + (cycle > data_clock_until_[rank] ? 1 : 0);
}

/// Takes `bid` if it goes before `best`. A refresh that is due holds back all but owners.
inline void DramChannel::consider(const Bid& bid, std::size_t queue, Choice* best) const {
  if (bid.ready > best->cycle) return;  // most of them: cheapest first
  const std::int64_t cycle = std::max(
      {bid.ready, bus_free_[bus_of(bid.command)], device_.earliest_beyond(bid.command, bid.bank)});
  if (cycle > best->cycle || (cycle == best->cycle && bid.rank >= best->rank)) return;
  if (opening_ != kNoBank && (bid.bank == opening_ || bid.command == DramCommand::kAct)) return;
  const std::int64_t start = start_of(bid.command, bid.bank, cycle);
  if (!bid.owner && start >= refresh_.soonest() &&
      refresh_.blocks(device_.rank_of(bid.bank), bid.bank, start)) {
    return;
  }
  *best = {cycle, start, bid.rank, bid.bank, bid.entry, queue, bid.command, bid.owner};
}

/// What `entry` needs next.
Bid DramChannel::make_bid(std::size_t queue, std::int32_t entry, bool owner) const {
  const BurstQueue::Entry& e = queues_[queue].entry(entry);
  const std::int64_t bank = e.burst.bank, open = device_.open_row(bank);
  Bid b;
  b.entry = entry;
  b.bank = e.burst.bank;
  b.owner = owner;
  std::int64_t level = owner ? BankBids::kOwner : BankBids::kColumn;
  if (open == e.burst.row) {
    b.command = e.burst.write ? DramCommand::kWrite : DramCommand::kRead;
  } else {
    b.command = open == DramDevice::kClosed ? DramCommand::kAct : DramCommand::kPre;
    level = BankBids::kRow;
  }
  b.rank = BankBids::rank_of(level, e.order, b.command, bank);
  b.ready = std::max(e.burst.accepted + 1, device_.earliest_of_bank(b.command, bank));
  return b;
}

/// A hit does not hold back an older burst to another row: both bid. While the row has an owner,
/// nothing else of the bank does. Returns the row whose hits would change that.
inline std::int64_t DramChannel::find_bids(std::size_t queue, std::int64_t bank) {
  if (owned_[static_cast<std::size_t>(bank)]) return DramDevice::kClosed;
  BurstQueue& q = queues_[queue];
  const std::int64_t open = device_.open_row(bank);
  const std::int32_t oldest = q.oldest_of(bank);
  const std::int32_t hit =
      open == DramDevice::kClosed ? BurstQueue::kNone : q.oldest_hit(bank, open);
  if (hit != BurstQueue::kNone) q.add_bid(make_bid(queue, hit, false));
  if (hit != oldest) q.add_bid(make_bid(queue, oldest, false));
  return hit == BurstQueue::kNone ? open : DramDevice::kClosed;
}

/// The oldest burst only ever gives way to a later one, so a cycle that was within the limit stays
/// so.
inline void DramChannel::apply_age_limit(Choice* best) {
  aged_ = false;
  if (best->cycle <= aged_after_) return;
  std::size_t queue = 0;
  std::int32_t oldest = queues_[0].oldest();
  const std::int32_t write = queues_[1].oldest();
  if (oldest == BurstQueue::kNone ||
      (write != BurstQueue::kNone &&
       queues_[1].entry(write).order < queues_[0].entry(oldest).order)) {
    queue = 1;
    oldest = write;
  }
  aged_after_ = queues_[queue].entry(oldest).burst.accepted + controller_.age_limit;
  aged_ = best->cycle > aged_after_;
  if (!aged_) return;
  *best = Choice{};
  consider_only(queue, oldest, best);
}

/// The second half of an activate goes into the first clock that no column command takes.
void DramChannel::finish_activate(Choice* best) const {
  Choice c;
  c.command = DramCommand::kAct2;
  c.bank = opening_;
  c.cycle = bus_free_[bus_of(c.command)];
  c.start = c.cycle;
  c.rank = BankBids::rank_of(BankBids::kSecondHalf, 0, DramCommand::kAct, 0);
  if (c.goes_before(*best)) *best = c;
}

}  // namespace bitjoule
