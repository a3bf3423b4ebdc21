#include "core/dram/channel.h"

#include <algorithm>

namespace bitjoule {

DramChannel::DramChannel(const DramStandard& standard, const DramControllerConfig& controller)
    : standard_(standard),
      controller_(controller),
      unified_(controller.unified_queue),
      split_bus_(standard.split_bus),
      device_(standard),
      refresh_(standard, controller.refresh),
      states_(static_cast<std::size_t>(standard.organization.ranks)),
      queues_{BurstQueue(standard.banks, standard.organization.banks_per_group),
              BurstQueue(standard.banks, standard.organization.banks_per_group)},
      capacity_{controller.read_queue, unified_ ? 0 : controller.write_queue},
      high_(controller.watermarks.high * static_cast<double>(controller.write_queue)),
      low_(controller.watermarks.low * static_cast<double>(controller.write_queue)),
      data_clock_until_(static_cast<std::size_t>(standard.organization.ranks), -1),
      owned_(static_cast<std::size_t>(standard.banks)),
      allows_trains_{allows_trains(DramCommand::kRead), allows_trains(DramCommand::kWrite)},
      train_(standard, std::max(controller.read_queue, controller.write_queue)),
      allows_stretches_(allows_stretches()),
      stretch_(standard) {}

DramChannel::Arrival DramChannel::admit_arrival() {
  const Arrival arrival = arrivals_.front();
  arrivals_.pop();
  admit(arrival);
  return arrival;
}

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
  for (Owner& o : owners_) o.bid = make_bid(o.queue, o.bid.entry, true);
  choice_.entry = BurstQueue::kNone;  // to be made again
}

bool DramChannel::step_any(Served* served) {
  if (!decided_ || is_late(choice_.cycle)) decide();
  decided_ = false;
  occupy_bus(choice_);
  if (is_column(choice_.command)) {
    issue_column(served);
    if (oldest_first_ && may_begin_train()) {
      begin_train();
    } else if (may_begin_stretch()) {
      begin_stretch();
    }
    return true;
  }
  issue_row_command(choice_);
  return false;
}

/// Or a refresh.
void DramChannel::issue_row_command(const Choice& choice) {
  if (choice.command == DramCommand::kAct2) {
    opening_ = kNoBank;
    device_.issue(choice.command, choice.bank, 0, choice.start);
    note(choice.command, choice.bank, 0, choice.start);
    owners_.back().bid = make_bid(owners_.back().queue, owners_.back().bid.entry, true);
    return;
  }
  if (choice.entry == BurstQueue::kNone) return issue_refresh(choice);
  if (!choice.owner) draining_ = choice.queue == 1;
  BurstQueue::Entry& e = queues_[choice.queue].entry(choice.entry);
  (choice.command == DramCommand::kAct ? e.activated : e.precharged) = true;
  device_.issue(choice.command, choice.bank, e.burst.row, choice.start);
  note(choice.command, choice.bank, e.burst.row, choice.start);
  row_changed(choice.bank);
  if (choice.command == DramCommand::kAct) give_row(choice);
}

void DramChannel::give_row(const Choice& activate) {
  owned_[static_cast<std::size_t>(activate.bank)] = 1;
  if (controller_.release_on_activate) --entries_[activate.queue];
  owners_.push_back({make_bid(activate.queue, activate.entry, true), activate.queue});
  if (standard_.two_step_activate) opening_ = activate.bank;
}

void DramChannel::row_changed(std::int64_t bank) {
  queues_[0].row_changed(bank);
  queues_[1].row_changed(bank);
}

void DramChannel::rank_changed(std::int64_t rank) {
  for (std::int64_t b = 0; b < standard_.banks_per_rank; ++b) {
    row_changed(rank * standard_.banks_per_rank + b);
  }
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
    owned_[static_cast<std::size_t>(burst.bank)] = 0;
    owners_.erase(std::find_if(owners_.begin(), owners_.end(),
                               [&](const Owner& o) { return o.bid.bank == burst.bank; }));
  }
  queue.remove(choice.entry);
  queues_[1 - choice.queue].timing_changed(burst.bank);
  --held_[choice.queue];
  if (!choice.owner || !controller_.release_on_activate) --entries_[choice.queue];
  if (controller_.page_policy == PagePolicy::kClosed) close_if_last(burst.bank, burst.row);
}

/// Precharges `row` where no burst to it waits any more.
void DramChannel::close_if_last(std::int64_t bank, std::int64_t row) {
  if (queues_[0].oldest_hit(bank, row) != BurstQueue::kNone ||
      queues_[1].oldest_hit(bank, row) != BurstQueue::kNone) {
    return;
  }
  note(DramCommand::kPre, bank, row, device_.auto_precharge(bank), true);
  row_changed(bank);
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

DramStates DramChannel::states(std::int64_t cycle) const {
  DramStates sum;
  for (const RankStates& rank : states_) sum.add(rank.until(cycle), 1);
  return sum;
}

}  // namespace bitjoule
