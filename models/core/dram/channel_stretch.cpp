// When a channel's bursts become a stretch, its commands, and its end (stretch.h).
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {
namespace {

constexpr int kManyHits = 48;  // one after the other: then they may be better off as a train
constexpr std::int64_t kStretchOrders = 1 << 20;  // at its end there must be some for all bursts

}  // namespace

bool DramChannel::allows_stretches() const {
  return standard_.organization.ranks == 1 && standard_.banks <= Train::kMostBanks && !split_bus_ &&
         controller_.page_policy == PagePolicy::kOpen &&
         controller_.scheduler == DramScheduler::kFrFcfs &&
         device_.has_no_rules(DramCommand::kAct2) && device_.is_local(DramCommand::kRead) &&
         device_.is_local(DramCommand::kWrite);
}

/// After a column command, choice_, of the same kind: whether the bursts may become a stretch.
bool DramChannel::may_begin_stretch() {
  constexpr int kCommandsBetween = 4;
  if (--stretch_wait_ > 0) return false;
  stretch_wait_ = kCommandsBetween;
  const std::size_t q = choice_.queue;
  const bool write = choice_.command == DramCommand::kWrite;
  if (!allows_stretches_ || !shortcuts_ || opening_ != kNoBank) return false;
  if (refresh_end_ > counts_.data_end || order_ > BankBids::kOrders - 2 * kStretchOrders)
    return false;
  if (!unified_ && draining_ != (q == 1)) return false;
  const BurstQueue& queue = queues_[q];
  if (queue.size() < kCommandsBetween || queue_to_serve() != q) return false;
  for (const Owner& o : owners_)
    if (o.queue != q) return false;
  if (!unified_) return true;
  for (std::int32_t i = queue.oldest(); i != BurstQueue::kNone; i = queue.entry(i).younger)
    if (queue.entry(i).burst.write != write) return false;
  return true;
}

void DramChannel::begin_stretch() {
  const std::size_t q = choice_.queue;
  stretch_queue_ = q;
  stretch_.begin(&device_, choice_.command, bus_free_[0], order_);
  std::int64_t oldest = queues_[q].entry(queues_[q].oldest()).burst.accepted;
  if (queues_[1 - q].size() > 0)
    oldest = std::min(oldest, queues_[1 - q].entry(queues_[1 - q].oldest()).burst.accepted);
  stretch_limit_ = std::min(
      {refresh_.soonest(), oldest + controller_.age_limit + 1, bus_free_[0] + BankBids::kFar});
  queues_[q].take_all([this](const BurstQueue::Entry& e) {
    stretch_.take({e.burst.row, e.burst.accepted, e.order, e.burst.bank, e.burst.request,
                   Stretch::kNone, e.activated, e.precharged, false});
  });
  for (const Owner& o : owners_) owned_[static_cast<std::size_t>(o.bid.bank)] = 0;
  owners_.clear();
  stretch_.begin_bids();
  stretch_bursts_ = 0;
  stretch_hits_ = 0;
  in_stretch_ = true;
  decided_ = false;
  Fifo<Arrival> arrivals;
  std::swap(arrivals, arrivals_);
  for (; !arrivals.empty(); arrivals.pop()) begin_stretch_with(arrivals.front());
}

/// Of an arrival that came before it.
void DramChannel::begin_stretch_with(const Arrival& arrival) {
  const DramBurst& burst = queues_[arrival.queue].entry(arrival.entry).burst;
  if (in_stretch_ && arrival.queue == stretch_queue_) {
    if (burst.write == (stretch_.command() == DramCommand::kWrite)) {
      stretch_.push(burst.accepted, burst.row, burst.bank, burst.request);
      return queues_[arrival.queue].release(arrival.entry);
    }
    end_stretch();
  }
  arrivals_.push(arrival);
}

/// Whether the stretch's queue is served next, whichever of the latest arrivals for the other one
/// the scheduler sees: of the other's bursts all count, of its own those that it sees in any case.
bool DramChannel::stays_in_stretch() const {
  if (stretch_.next_order() > BankBids::kOrders - kStretchOrders) return false;
  if (unified_) return stretch_.size() > 0;
  const std::int64_t own =
      stretch_.size() - (controller_.release_on_activate ? stretch_.owners() : 0);
  const std::int64_t others =
      queues_[1 - stretch_queue_].size() + static_cast<std::int64_t>(arrivals_.size());
  if (stretch_.size() == 0) return false;
  if (others == 0) return true;
  if (own == 0) return false;
  return stretch_queue_ == 0 ? static_cast<double>(others) <= high_
                             : static_cast<double>(own) > low_;
}

/// Finds its next command; false where it has ended.
bool DramChannel::decide_stretch() {
  const std::int64_t bus = bus_free_[0];
  if (!decided_) {
    while (stretch_.is_late(bus)) stretch_.admit();
    if (!stays_in_stretch()) return end_stretch(), false;
    stretch_choice_ = stretch_.choose(bus, simd_);
    decided_ = true;
  }
  for (;;) {
    Stretch::Choice& c = stretch_choice_;
    // Where no bid can go but half an activate, one of the other queue may: apply_age_limit().
    if (c.entry == Stretch::kNone && c.bid + 1 >= stretch_limit_ &&
        arrivals_.size() + static_cast<std::size_t>(queues_[1 - stretch_queue_].size()) > 0)
      return end_stretch(), false;
    c.start = start_of(c.command, 0, c.cycle);
    if (c.start >= stretch_limit_) return end_stretch(), false;
    if (!stretch_.is_late(c.cycle)) return true;
    c = stretch_.consider(c, stretch_.admit(), bus);
  }
}

/// Issues that command; true if it moves a burst.
bool DramChannel::step_stretch(Served* served) {
  const Stretch::Choice& c = stretch_choice_;
  decided_ = false;
  bus_free_[0] = c.start + standard_.bus_cycles[index_of(c.command)];
  if (is_column(c.command)) {
    serve_stretch(served);
    if (++stretch_hits_ >= kManyHits && stretch_.has_no_row_bids()) {
      end_stretch();
      train_wait_ = 1;
    }
    return true;
  }
  if (c.command == DramCommand::kAct2) {
    note(c.command, c.bank, 0, c.start);
    stretch_.finish_activate();
    return false;
  }
  stretch_hits_ = 0;
  note(c.command, c.bank, stretch_.burst(c.entry).row, c.start);
  if (c.command == DramCommand::kPre) {
    stretch_.precharge(c);
    return false;
  }
  if (controller_.release_on_activate) --entries_[stretch_queue_];
  stretch_.activate(c);
  return false;
}

inline void DramChannel::serve_stretch(Served* served) {
  const Stretch::Choice& c = stretch_choice_;
  const Stretch::Burst& burst = stretch_.burst(c.entry);
  const bool write = c.command == DramCommand::kWrite;
  const std::int64_t data_start =
      c.start + (write ? standard_.write_latency : standard_.read_latency);
  const std::int64_t gap = data_start - counts_.data_end;
  served->request = burst.request;
  served->write = write;
  served->accepted = burst.accepted;
  served->end = counts_.data_end = data_start + standard_.burst_cycles;
  (burst.activated ? counts_.bus.activate : counts_.bus.column) += gap;
  counts_.bus.busy += standard_.burst_cycles;
  ++(write ? counts_.writes : counts_.reads);
  ++(burst.precharged  ? counts_.row_conflicts
     : burst.activated ? counts_.row_misses
                       : counts_.row_hits);
  ++counts_.commands[index_of(c.command)];
  counts_.queued_cycles += c.start - burst.accepted;
  if (standard_.data_clock_after_read > 0) {
    if (c.start != c.cycle) ++counts_.data_clock_syncs;
    data_clock_until_[0] =
        c.start + (write ? standard_.data_clock_after_write : standard_.data_clock_after_read);
  }
  if (trace_ != nullptr) trace_->push_back({c.start, c.command, burst.bank, burst.row, false});
  --held_[stretch_queue_];
  if (!burst.activated || !controller_.release_on_activate) --entries_[stretch_queue_];
  ++stretch_bursts_;
  stretch_.serve(c);
}

/// The bursts that every later decision sees are linked, in the order of acceptance; others are
/// arrivals as they would be without it.
void DramChannel::end_stretch() {
  constexpr int kShort = 16, kLeastRest = 8, kMostRest = 256;  // bursts
  in_stretch_ = decided_ = false;
  bursts_in_trains_ += stretch_bursts_;
  const bool pays = stretch_bursts_ >= kShort;
  stretch_wait_ = pays ? 1 : stretch_rest_;
  stretch_rest_ = pays ? kLeastRest : std::min(2 * stretch_rest_, kMostRest);
  for (std::int64_t bank = 0; bank < standard_.banks; ++bank) row_changed(bank);
  Fifo<Arrival> others;
  std::swap(others, arrivals_);
  const auto put_back = [this](const Arrival& a) {
    if (a.accepted >= bus_free_[0]) return arrivals_.push(a);
    queues_[a.queue].link(a.entry, order_++);
  };
  stretch_.end([&](const Stretch::Burst& b, bool owner) {
    for (; !others.empty() && others.front().accepted < b.accepted; others.pop())
      put_back(others.front());
    take_back(b, owner);
  });
  for (; !others.empty(); others.pop()) put_back(others.front());
  // The owner whose activate is under way is the last one.
  for (Owner& o : owners_)
    if (o.bid.bank == opening_) std::swap(o, owners_.back());
}

/// A burst of the stretch; `owner`: of its bank's row.
void DramChannel::take_back(const Stretch::Burst& b, bool owner) {
  BurstQueue& queue = queues_[stretch_queue_];
  const bool write = stretch_.command() == DramCommand::kWrite;
  const Arrival own{queue.put({b.row, b.accepted, b.bank, b.request, write}), stretch_queue_,
                    b.accepted};
  if (b.is_new && b.accepted >= bus_free_[0]) return arrivals_.push(own);
  queue.link(own.entry, b.is_new ? order_++ : b.order);
  BurstQueue::Entry& e = queue.entry(own.entry);
  e.activated = b.activated;
  e.precharged = b.precharged;
  if (!owner) return;
  owned_[static_cast<std::size_t>(b.bank)] = 1;
  owners_.push_back({make_bid(stretch_queue_, own.entry, true), stretch_queue_});
  if (stretch_.opening() == b.bank) opening_ = b.bank;
}

}  // namespace bitjoule
