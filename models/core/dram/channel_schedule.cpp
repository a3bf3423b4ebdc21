// The scheduler of the channel's controller: which command goes next.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

/// A burst accepted at cycle c can be served from c + 1 on, so a decision for cycle t has to know
/// all arrivals before t and may not know any later one.
void DramChannel::decide() {
  bool stands = decided_;
  if (!decided_) {
    if (queues_[0].size() + queues_[1].size() == 0) {
      catch_up(arrivals_.front().accepted);
      wake_all(arrivals_.front().accepted + 1);
      admit_arrival();
    }
    while (!split_bus_ && is_late(bus_free_[0])) admit_arrival();
    decided_ = true;
  }
  for (;; stands = reconsider()) {
    if (!stands) choose();
    if (!is_late(choice_.cycle)) return;
  }
}

/// Admits one more arrival. True with choice_ brought up to date, without comparing all keys again,
/// where only one bid has come: not where that burst makes the controller turn. What choice_ is of
/// says nothing of that: owners of the queue that is not served may go, too.
bool DramChannel::reconsider() {
  const Arrival arrival = arrivals_.front();
  const unsigned bid = admit_arrival();
  if (!was_by_keys_ || queue_to_serve() != served_queue_) return false;
  if (bid == 0 || arrival.queue != served_queue_) return true;
  if (opening_ != kNoBank && (bid & BankBids::kAllActivates) != 0) return true;
  const std::int64_t key = bids_.key_of(gates(), static_cast<std::size_t>(__builtin_ctz(bid)),
                                        queues_[arrival.queue].entry(arrival.entry).burst.bank);
  return key >= choice_.key || take_key(key);
}

inline void DramChannel::choose() {
  served_queue_ = queue_to_serve();
  was_by_keys_ = by_keys_ && choose_by_keys();
  if (!was_by_keys_) choose_one_by_one();
}

/// The usual case: of all that bids, the least key. False where an age limit, a refresh or a time
/// that is far away may have a say. A bank that waits for its ACT2 does not bid, nor may others ask
/// for ACT meanwhile.
inline bool DramChannel::choose_by_keys() {
  if (bus_free_[0] - bids_.base() > BankBids::kFar / 2) begin_bids();
  unsigned kinds = kinds_[served_queue_];
  if (opening_ != kNoBank) kinds &= ~BankBids::kAllActivates;
  std::int64_t key = bids_.first(gates(), kinds, simd_);
  if (owners_[1 - served_queue_] > 0) key = std::min(key, foreign_owner_key());
  return take_key(key);
}

/// The least key of owners in the queue that is not served: they may go all the same.
std::int64_t DramChannel::foreign_owner_key() const {
  const std::size_t q = 1 - served_queue_;
  std::int64_t key = BankBids::kNoKey;
  for (std::uint64_t left = bids_.banks(q); left != 0; left &= left - 1) {
    const std::int64_t bank = __builtin_ctzll(left);
    if (is_owned(bank)) key = std::min(key, bids_.key_of(gates(), q, bank));
  }
  return key;
}

/// Makes the bid with this key choice_, or the second half of an activate that goes before it.
inline bool DramChannel::take_key(std::int64_t key) {
  if (key >= BankBids::kFarKey) return false;
  const std::int64_t cycle = bids_.cycle_of(key), bank = BankBids::bank_of(key);
  const DramCommand command = BankBids::command_of_key(key);
  const std::int64_t start = start_of(command, bank, cycle);
  if (start >= refresh_.soonest() || is_aged(cycle)) return false;
  if (opening_ != kNoBank) {
    const Choice second = second_half();
    const std::int64_t half = bids_.key_at(second.cycle, second.rank);
    if (half < key) {
      choice_ = second;
      choice_.key = half;
      return second.cycle < refresh_.soonest();
    }
  }
  choice_.cycle = cycle;
  choice_.start = start;
  choice_.key = key;
  choice_.bank = bank;
  choice_.command = command;
  choice_.owner = BankBids::level_of(key) == BankBids::kOwner;
  choice_.queue = choice_.owner ? owner_of(bank).queue : served_queue_;
  const BurstQueue::List& list = queues_[choice_.queue].list(bank);
  choice_.entry = is_column(command) ? list.column : list.head;
  return true;
}

/// Whether a command at `cycle` comes when the oldest burst has waited for too long. The oldest
/// only ever gives way to a later one, so a cycle that was within the limit stays so.
inline bool DramChannel::is_aged(std::int64_t cycle) {
  if (cycle <= aged_after_) return false;
  std::size_t queue = 0;
  const std::int32_t oldest = oldest_of_all(&queue);
  aged_after_ = queues_[queue].entry(oldest).burst.accepted + controller_.age_limit;
  return cycle > aged_after_;
}

std::int32_t DramChannel::oldest_of_all(std::size_t* queue) const {
  const std::int32_t first = queues_[0].oldest(), second = queues_[1].oldest();
  *queue =
      first == BurstQueue::kNone || (second != BurstQueue::kNone &&
                                     queues_[1].entry(second).order < queues_[0].entry(first).order)
          ? 1
          : 0;
  return *queue == 1 ? second : first;
}

/// As the rules say it, asking every bank: where keys do not tell, and to check them.
void DramChannel::choose_one_by_one() {
  choice_ = Choice{};
  pick(served_queue_, &choice_);
  consider_owners(&choice_);
  if (is_aged(choice_.cycle)) {
    std::size_t queue = 0;
    const std::int32_t oldest = oldest_of_all(&queue);
    choice_ = Choice{};
    consider_only(queue, oldest, &choice_);
    consider_owners(&choice_);
  }
  if (opening_ != kNoBank) {
    const Choice second = second_half();
    if (second.goes_before(choice_)) choice_ = second;
  }
  if (refresh_.soonest() <= choice_.cycle) consider_refresh(&choice_);
}

/// Nothing of a bank with an owner.
void DramChannel::pick(std::size_t q, Choice* best) const {
  const BurstQueue& queue = queues_[q];
  if (controller_.scheduler == DramScheduler::kFcfs) return consider_only(q, queue.oldest(), best);
  for (std::int64_t bank = 0; bank < standard_.banks; ++bank) {
    const std::int32_t oldest = queue.list(bank).head;
    if (oldest == BurstQueue::kNone || is_owned(bank)) continue;
    const std::int32_t hit = queue.oldest_hit(bank, device_.open_row(bank));
    if (hit != BurstQueue::kNone) consider(make_bid(q, hit, false), q, best);
    if (hit != oldest) consider(make_bid(q, oldest, false), q, best);
  }
}

void DramChannel::consider_only(std::size_t queue, std::int32_t entry, Choice* best) const {
  const Bid bid = make_bid(queue, entry, false);
  if (!is_owned(bid.bank)) consider(bid, queue, best);
}

void DramChannel::consider_owners(Choice* best) const {
  if (owners_[0] + owners_[1] == 0) return;
  for (std::int64_t bank = 0; bank < standard_.banks; ++bank) {
    const Owner& owner = owner_of(bank);
    if (owner.entry != BurstQueue::kNone)
      consider(make_bid(owner.queue, owner.entry, true), owner.queue, best);
  }
}

/// Takes `bid` if it goes before `best`. A refresh that is due holds back all but owners.
void DramChannel::consider(const Bid& bid, std::size_t queue, Choice* best) const {
  const std::int64_t cycle = std::max(
      {bid.ready, bus_free_[bus_of(bid.command)], device_.earliest_beyond(bid.command, bid.bank)});
  if (cycle > best->cycle || (cycle == best->cycle && bid.rank >= best->rank)) return;
  if (opening_ != kNoBank && (bid.bank == opening_ || bid.command == DramCommand::kAct)) return;
  const std::int64_t start = start_of(bid.command, bid.bank, cycle);
  if (!bid.owner && start >= refresh_.soonest() &&
      refresh_.blocks(device_.rank_of(bid.bank), bid.bank, start)) {
    return;
  }
  best->cycle = cycle;
  best->start = start;
  best->rank = bid.rank;
  best->bank = bid.bank;
  best->entry = bid.entry;
  best->queue = queue;
  best->command = bid.command;
  best->owner = bid.owner;
}

/// What `entry` needs next.
DramChannel::Bid DramChannel::make_bid(std::size_t queue, std::int32_t entry, bool owner) const {
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

/// The second half of an activate goes into the first clock that no column command takes.
DramChannel::Choice DramChannel::second_half() const {
  Choice c;
  c.command = DramCommand::kAct2;
  c.bank = opening_;
  c.cycle = c.start = bus_free_[bus_of(c.command)];
  c.rank = BankBids::rank_of(BankBids::kSecondHalf, 0, DramCommand::kAct, 0);
  return c;
}

}  // namespace bitjoule
