#include "core/dram/channel.h"

#include <algorithm>

namespace bitjoule {

DramChannel::DramChannel(const DramStandard& standard, const DramControllerConfig& controller)
    : standard_(standard),
      controller_(controller),
      unified_(controller.unified_queue),
      device_(standard),
      refresh_(standard, controller.refresh),
      queues_{BurstQueue(controller.read_queue, standard.banks),
              BurstQueue(unified_ ? 1 : controller.write_queue, standard.banks)},
      capacity_{controller.read_queue, unified_ ? 0 : controller.write_queue},
      high_(controller.watermarks.high * static_cast<double>(controller.write_queue)),
      low_(controller.watermarks.low * static_cast<double>(controller.write_queue)),
      owners_(static_cast<std::size_t>(standard.banks)) {}

void DramChannel::accept(const DramBurst& burst) {
  ++held_[queue_of(burst.write)];
  counts_.max_queued = std::max(counts_.max_queued, held_[0] + held_[1]);
  last_accepted_ = burst.accepted;
  arrivals_.push(burst);
}

/// Moves the oldest arrival into the scheduler's sight.
DramBurst DramChannel::admit() {
  const DramBurst burst = arrivals_.front();
  arrivals_.pop();
  if (queues_[0].size() + queues_[1].size() == 0) waiting_since_ = burst.accepted;
  queues_[queue_of(burst.write)].push(burst, order_++);
  return burst;
}

/// Brings choice_ up to date after `burst` was admitted, without asking every bank again where only
/// one more candidate has come.
void DramChannel::reconsider(const DramBurst& burst) {
  const std::size_t queue = queue_of(burst.write);
  if (choice_.entry == BurstQueue::kNone || aged_ || burst.bank == choice_.bank ||
      queue_to_serve() != choice_.queue || controller_.scheduler == DramScheduler::kFcfs) {
    choice_ = choose();
    return;
  }
  if (queue != choice_.queue) return;
  const std::int32_t entry = queues_[queue].candidate(burst.bank, device_.open_row(burst.bank));
  const Choice c = choice_for(queue, entry);
  if (c.goes_before(choice_)) choice_ = c;
}

/// A burst accepted at cycle c can be served from c + 1 on, so a decision for cycle t has to know
/// all arrivals before t and may not know any later one.
const DramChannel::Choice& DramChannel::decide() {
  if (!decided_) {
    if (queues_[0].size() + queues_[1].size() == 0) {
      catch_up(arrivals_.front().accepted);
      admit();
    }
    choice_ = choose();
    decided_ = true;
  }
  while (!arrivals_.empty() && arrivals_.front().accepted < choice_.cycle) reconsider(admit());
  return choice_;
}

DramChannel::Choice DramChannel::choose() {
  Choice best = pick(queue_to_serve());
  apply_age_limit(&best);
  finish_activate(&best);
  consider_refresh(&best);
  return best;
}

std::size_t DramChannel::queue_to_serve() const {
  const auto reads = queues_[0].size(), writes = queues_[1].size();
  if (unified_ || writes == 0) return 0;
  if (reads == 0) return 1;
  return static_cast<double>(writes) > (draining_ ? low_ : high_) ? 1 : 0;
}

DramChannel::Choice DramChannel::pick(std::size_t queue) {
  BurstQueue& q = queues_[queue];
  if (controller_.scheduler == DramScheduler::kFcfs) return first_of_owners_and(queue, q.oldest());
  Choice best;
  const auto consider = [&](std::size_t of, std::int32_t entry) {
    const Choice c = choice_for(of, entry);
    if (c.goes_before(best)) best = c;
  };
  for (const std::int64_t bank : owned_) consider(owner_of(bank).queue, owner_of(bank).entry);
  for (const std::int64_t bank : q.busy_banks()) {
    const std::int32_t candidate = q.candidate(bank, device_.open_row(bank));
    consider(queue, candidate);
    const std::int32_t oldest = q.oldest_of(bank);
    if (oldest != candidate && !has_owner(bank)) consider(queue, oldest);
  }
  return best;
}

DramChannel::Choice DramChannel::first_of_owners_and(std::size_t queue, std::int32_t entry) {
  Choice best = choice_for(queue, entry);
  for (const std::int64_t bank : owned_) {
    const Choice c = choice_for(owner_of(bank).queue, owner_of(bank).entry);
    if (c.goes_before(best)) best = c;
  }
  return best;
}

/// The next command that `entry` needs, which may be that of the owner of the row in its way; at
/// kNever if a refresh comes first.
DramChannel::Choice DramChannel::choice_for(std::size_t queue, std::int32_t entry) {
  const BurstQueue::Entry& e = queues_[queue].entry(entry);
  const std::int64_t bank = e.burst.bank, open = device_.open_row(bank);
  const Owner& owner = owner_of(bank);
  if (owner.entry != BurstQueue::kNone && open != e.burst.row) {
    return choice_for(owner.queue, owner.entry);
  }
  Choice c;
  c.queue = queue;
  c.entry = entry;
  c.bank = bank;
  c.order = e.order;
  c.owner = owner.entry == entry && owner.queue == queue;
  if (open == e.burst.row) {
    c.command = e.burst.write ? DramCommand::kWrite : DramCommand::kRead;
  } else {
    c.command = open == DramDevice::kClosed ? DramCommand::kAct : DramCommand::kPre;
  }
  if (opening_ != kNoBank && (bank == opening_ || c.command == DramCommand::kAct)) return c;
  const std::int64_t soonest = std::max(e.burst.accepted + 1, bus_free(c.command));
  c.start = std::max(soonest, device_.earliest(c.command, bank));
  c.cycle = c.start;
  if (standard_.data_clock_after_read > 0 && is_column(c.command) && c.start > data_clock_until_) {
    ++c.start;  // CAS takes the clock in which the burst could have started
  }
  if (!c.owner && refresh_.blocks(device_.rank_of(bank), bank, c.start)) c.cycle = kNever;
  return c;
}

void DramChannel::apply_age_limit(Choice* best) {
  std::size_t queue = 0;
  std::int32_t oldest = queues_[0].oldest();
  const std::int32_t write = queues_[1].oldest();
  if (oldest == BurstQueue::kNone ||
      (write != BurstQueue::kNone &&
       queues_[1].entry(write).order < queues_[0].entry(oldest).order)) {
    queue = 1;
    oldest = write;
  }
  const std::int64_t limit = queues_[queue].entry(oldest).burst.accepted + controller_.age_limit;
  aged_ = best->cycle > limit;
  if (aged_) *best = first_of_owners_and(queue, oldest);
}

/// The second half of an activate goes into the first clock that no column command takes.
void DramChannel::finish_activate(Choice* best) {
  if (opening_ == kNoBank) return;
  Choice c;
  c.command = DramCommand::kAct2;
  c.bank = opening_;
  c.cycle = bus_free(c.command);
  c.start = c.cycle;
  if (c.goes_before(*best)) *best = c;
}

bool DramChannel::step(DramBurst* served, std::int64_t* end) {
  const Choice choice = decide();
  decided_ = false;
  occupy_bus(choice);
  if (choice.command == DramCommand::kAct2) {
    opening_ = kNoBank;
    device_.issue(choice.command, choice.bank, 0, choice.start);
    note(choice.command, choice.bank, 0, choice.start);
    return false;
  }
  if (choice.entry == BurstQueue::kNone) {
    issue_refresh(choice);
    return false;
  }
  if (!choice.owner) draining_ = choice.queue == 1;
  BurstQueue::Entry& e = queues_[choice.queue].entry(choice.entry);
  if (is_column(choice.command)) {
    *served = e.burst;
    issue_column(choice, end);
    return true;
  }
  (choice.command == DramCommand::kAct ? e.activated : e.precharged) = true;
  device_.issue(choice.command, choice.bank, e.burst.row, choice.start);
  note(choice.command, choice.bank, e.burst.row, choice.start);
  row_changed(choice.bank);
  if (choice.command == DramCommand::kAct) give_row(choice);
  return false;
}

void DramChannel::give_row(const Choice& activate) {
  owner_of(activate.bank) = {activate.entry, activate.queue};
  owned_.push_back(activate.bank);
  if (standard_.two_step_activate) opening_ = activate.bank;
}

void DramChannel::occupy_bus(const Choice& choice) {
  bus_free(choice.command) = choice.start + standard_.bus_cycles[index_of(choice.command)];
}

void DramChannel::row_changed(std::int64_t bank) {
  queues_[0].row_changed(bank);
  queues_[1].row_changed(bank);
}

void DramChannel::issue_column(const Choice& choice, std::int64_t* end) {
  BurstQueue& queue = queues_[choice.queue];
  const BurstQueue::Entry& e = queue.entry(choice.entry);
  const DramBurst burst = e.burst;
  const std::int64_t data_start =
      choice.start + (burst.write ? standard_.write_latency : standard_.read_latency);
  *end = data_start + standard_.burst_cycles;
  count_gap(e, data_start);
  counts_.data_end = *end;
  ++(burst.write ? counts_.writes : counts_.reads);
  ++(e.precharged ? counts_.row_conflicts : e.activated ? counts_.row_misses : counts_.row_hits);
  counts_.queued_cycles += choice.start - burst.accepted;
  if (choice.start != choice.cycle) ++counts_.data_clock_syncs;
  if (standard_.data_clock_after_read > 0) {
    data_clock_until_ = choice.start + (burst.write ? standard_.data_clock_after_write
                                                    : standard_.data_clock_after_read);
  }
  device_.issue(choice.command, burst.bank, burst.row, choice.start);
  note(choice.command, burst.bank, burst.row, choice.start);
  if (choice.owner) {
    owner_of(burst.bank) = Owner{};
    owned_.erase(std::find(owned_.begin(), owned_.end(), burst.bank));
  }
  queue.remove(choice.entry);
  --held_[choice.queue];
  if (controller_.page_policy == PagePolicy::kClosed &&
      queues_[0].oldest_hit(burst.bank, burst.row) == BurstQueue::kNone &&
      queues_[1].oldest_hit(burst.bank, burst.row) == BurstQueue::kNone) {
    note(DramCommand::kPre, burst.bank, burst.row, device_.auto_precharge(burst.bank), true);
    row_changed(burst.bank);
  }
}

/// Charges the data bus's gap before a burst to its cause (DataBusCycles).
void DramChannel::count_gap(const BurstQueue::Entry& entry, std::int64_t data_start) {
  DataBusCycles& bus = counts_.bus;
  const std::int64_t gap = data_start - counts_.data_end;
  const std::int64_t idle = std::clamp<std::int64_t>(waiting_since_ - counts_.data_end, 0, gap);
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

void DramChannel::note(DramCommand command, std::int64_t bank, std::int64_t row, std::int64_t cycle,
                       bool automatic) {
  ++counts_.commands[index_of(command)];
  if (trace_ != nullptr) trace_->push_back({cycle, command, bank, row, automatic});
}

}  // namespace bitjoule
