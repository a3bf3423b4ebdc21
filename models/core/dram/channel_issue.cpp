// Issues the command that goes next, and makes the bids again that it changes.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

// What a bank bids for follows from its lists, its open row, its owner and its timing, and is made
// again as soon as one of them changes. A hit does not hold back an older burst to another row:
// both bid. While the row has an owner, nothing else of the bank does, and the owner not before the
// second half of its ACT.

void DramChannel::bid_again(std::int64_t bank) {
  if (!by_keys_) return;
  for (std::size_t q = 0; q < queues(); ++q) {
    bids_.clear(BankBids::kActivates + q, bank);
    bids_.clear(BankBids::kPrecharges + q, bank);
    clear_columns(q, bank);
    if (is_owned(bank) || queues_[q].list(bank).head == BurstQueue::kNone) continue;
    device_.open_row(bank) == DramDevice::kClosed ? bid_to_open(q, bank) : bid_for_row(q, bank);
  }
  if (is_owned(bank)) bid_for_owner(bank);
}

inline void DramChannel::clear_columns(std::size_t q, std::int64_t bank) {
  if (q == 0) bids_.clear(BankBids::kReads, bank);
  if (q == 1 || unified_) bids_.clear(BankBids::kWrites, bank);
  queues_[q].list(bank).column = BurstQueue::kNone;
}

/// A row has been opened for one of the bank's bursts.
inline void DramChannel::bid_for_owner(std::int64_t bank) {
  if (!by_keys_ || bank == opening_) return;
  const Owner& owner = owner_of(bank);
  queues_[owner.queue].list(bank).column = owner.entry;
  set_column(owner.queue, owner.entry, BankBids::kOwner);
}

/// The row has been closed: the oldest asks for its own.
inline void DramChannel::bid_to_open(std::size_t q, std::int64_t bank) {
  BurstQueue::List& list = queues_[q].list(bank);
  if (list.column != BurstQueue::kNone) clear_columns(q, bank);
  bids_.clear(BankBids::kPrecharges + q, bank);
  set_row(q, list.head, BankBids::kActivates);
}

/// Of an open row without an owner: the first hit, and the oldest if that is for another row.
inline void DramChannel::bid_for_row(std::size_t q, std::int64_t bank) {
  const BurstQueue& queue = queues_[q];
  BurstQueue::List& list = queues_[q].list(bank);
  const std::int32_t hit = queue.oldest_hit(bank, device_.open_row(bank));
  if (unified_ || hit == BurstQueue::kNone) clear_columns(q, bank);
  list.column = hit;
  if (hit != BurstQueue::kNone) set_column(q, hit, BankBids::kColumn);
  if (hit != list.head) {
    set_row(q, list.head, BankBids::kPrecharges);
  } else {
    bids_.clear(BankBids::kPrecharges + q, bank);
  }
}

/// With cycles counted from now on.
void DramChannel::begin_bids() {
  bids_.begin(std::min(bus_free_[0], bus_free_[split_bus_ ? 1 : 0]));
  for (std::int64_t bank = 0; bank < standard_.banks; ++bank) bid_again(bank);
}

/// Charges the data bus's gap before a burst to its cause (DataBusCycles).
inline void DramChannel::count_gap(const BurstQueue::Entry& entry, std::int64_t data_start) {
  DataBusCycles& bus = counts_.bus;
  const std::int64_t gap = data_start - counts_.data_end;
  const std::int64_t waiting = waiting_since_ - counts_.data_end;
  const std::int64_t idle = waiting <= 0 ? 0 : std::min(waiting, gap);
  const std::int64_t rank = device_.rank_of(entry.burst.bank);
  std::int64_t* cause = &bus.column;
  if (refresh_end_ > std::max(counts_.data_end, waiting_since_)) {
    cause = &bus.refresh;
  } else if (entry.activated) {
    cause = &bus.activate;
  } else if (entry.burst.write != last_write_ || rank != last_rank_) {
    cause = &bus.turnaround;
  }
  bus.idle += idle;
  *cause += gap - idle;
  bus.busy += standard_.burst_cycles;
  last_write_ = entry.burst.write;
  last_rank_ = rank;
}

/// choice_, a column command.
inline void DramChannel::issue_column(Served* served) {
  const Choice& choice = choice_;
  if (!choice.owner) draining_ = choice.queue == 1;
  BurstQueue& queue = queues_[choice.queue];
  const BurstQueue::Entry& e = queue.entry(choice.entry);  // stays until the next burst is put
  const DramBurst& burst = e.burst;
  const bool write = burst.write;
  const std::int64_t start = choice.start;
  const std::int64_t data_start =
      start + (write ? standard_.write_latency : standard_.read_latency);
  served->request = burst.request;
  served->write = write;
  served->accepted = burst.accepted;
  served->end = data_start + standard_.burst_cycles;
  count_gap(e, data_start);
  counts_.data_end = served->end;
  ++(write ? counts_.writes : counts_.reads);
  ++(e.precharged ? counts_.row_conflicts : e.activated ? counts_.row_misses : counts_.row_hits);
  ++counts_.commands[index_of(choice.command)];
  counts_.queued_cycles += start - burst.accepted;
  if (standard_.data_clock_after_read > 0) {
    if (start != choice.cycle) ++counts_.data_clock_syncs;
    data_clock_until_[static_cast<std::size_t>(device_.rank_of(burst.bank))] =
        start + (write ? standard_.data_clock_after_write : standard_.data_clock_after_read);
  }
  device_.issue_column(choice.command, burst.bank, start);
  if (trace_ != nullptr) trace_->push_back({start, choice.command, burst.bank, burst.row, false});
  if (choice.owner) {
    owner_[static_cast<std::size_t>(burst.bank)] = {};
    --owners_[choice.queue];
  }
  queue.remove(choice.entry);
  if (by_keys_) {
    if (queue.list(burst.bank).head == BurstQueue::kNone) clear_columns(choice.queue, burst.bank);
    for (std::size_t q = 0; q < queues(); ++q)
      if (queues_[q].list(burst.bank).head != BurstQueue::kNone) bid_for_row(q, burst.bank);
  }
  --held_[choice.queue];
  if (!choice.owner || !controller_.release_on_activate) --entries_[choice.queue];
  if (controller_.page_policy == PagePolicy::kClosed) close_if_last(burst.bank, burst.row);
}

/// Of a command that moves no data.
void DramChannel::note(DramCommand command, std::int64_t bank, std::int64_t row, std::int64_t cycle,
                       bool automatic) {
  ++counts_.commands[index_of(command)];
  track(command, bank, cycle, automatic);
  if (trace_ != nullptr) trace_->push_back({cycle, command, bank, row, automatic});
}

/// A rank's banks are still open where PREA is told.
void DramChannel::track(DramCommand command, std::int64_t bank, std::int64_t cycle,
                        bool automatic) {
  const std::int64_t rank = device_.rank_of(bank);
  RankStates& states = states_of(rank);
  switch (command) {
    case DramCommand::kAct:
      return states.activate(cycle);
    case DramCommand::kPre:
      return automatic ? states.precharge_later(cycle) : states.precharge(cycle, 1);
    case DramCommand::kPreAll:
      return states.precharge(cycle, device_.open_banks(rank));
    case DramCommand::kRefAll:
    case DramCommand::kRefBank:
      return states.refresh(cycle, cycle + standard_.refresh_busy[index_of(command)]);
    default:
      return;
  }
}

/// Nothing else of the bank bids any more.
inline void DramChannel::give_row(const Choice& activate) {
  owner_[static_cast<std::size_t>(activate.bank)] = {activate.entry,
                                                     static_cast<std::uint32_t>(activate.queue)};
  ++owners_[activate.queue];
  if (controller_.release_on_activate) --entries_[activate.queue];
  if (standard_.two_step_activate) opening_ = activate.bank;
  if (!by_keys_) return;
  for (std::size_t q = 0; q < queues(); ++q) bids_.clear(BankBids::kActivates + q, activate.bank);
  bid_for_owner(activate.bank);
}

/// Or a refresh.
void DramChannel::issue_row_command(const Choice& choice) {
  if (choice.command == DramCommand::kAct2) {
    opening_ = kNoBank;
    device_.issue(choice.command, choice.bank, 0, choice.start);
    note(choice.command, choice.bank, 0, choice.start);
    return bid_for_owner(choice.bank);
  }
  if (choice.entry == BurstQueue::kNone) return issue_refresh(choice);
  if (!choice.owner) draining_ = choice.queue == 1;
  BurstQueue::Entry& e = queues_[choice.queue].entry(choice.entry);
  (choice.command == DramCommand::kAct ? e.activated : e.precharged) = true;
  device_.issue(choice.command, choice.bank, e.burst.row, choice.start);
  note(choice.command, choice.bank, e.burst.row, choice.start);
  if (choice.command == DramCommand::kAct) return give_row(choice);
  if (!by_keys_) return;
  for (std::size_t q = 0; q < queues(); ++q)
    if (queues_[q].list(choice.bank).head != BurstQueue::kNone) bid_to_open(q, choice.bank);
}

bool DramChannel::step_any(Served* served) {
  decided_ = false;
  occupy_bus(choice_);
  if (is_column(choice_.command)) {
    if (was_by_keys_) ++shortcuts_.by_keys;
    issue_column(served);
    if (--train_wait_ <= 0 && may_begin_train()) begin_train();
    return true;
  }
  issue_row_command(choice_);
  return false;
}

}  // namespace bitjoule
