// When a channel's bursts become a train, and what becomes of them at its end (train.h).
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

bool DramChannel::allows_trains(DramCommand command) const {
  return standard_.organization.ranks == 1 && standard_.banks <= Train::kMostBanks &&
         device_.is_local(command) && controller_.page_policy == PagePolicy::kOpen &&
         controller_.scheduler == DramScheduler::kFrFcfs;
}

/// After choice_ was issued: whether a train may begin with the bursts that wait. To make one costs
/// as much as some bursts: worth while only where it is long.
bool DramChannel::may_begin_train() {
  constexpr int kBurstsBetween = 4;
  constexpr std::int64_t kOrdersLeft = 1 << 20;  // at its end there must be some for all bursts
  train_wait_ = kBurstsBetween;
  const BurstQueue& queue = queues_[choice_.queue];
  if (!by_keys_ || !allows_trains_[choice_.command == DramCommand::kWrite ? 1 : 0]) return false;
  if (owners_[0] + owners_[1] > 0 || !arrivals_.empty() || refresh_end_ > counts_.data_end)
    return false;
  if (order_ > BankBids::kOrders - kOrdersLeft) return false;
  if (draining_ != (choice_.queue == 1)) return false;  // an owner has gone
  if (queue.size() < kBurstsBetween || queue_to_serve() != choice_.queue) return false;
  if ((bids_.banks(BankBids::kPrecharges + choice_.queue) |
       bids_.banks(BankBids::kActivates + choice_.queue)) != 0)
    return false;
  const bool write = choice_.command == DramCommand::kWrite;
  for (std::int32_t i = queue.oldest(); i != BurstQueue::kNone; i = queue.entry(i).younger) {
    const BurstQueue::Entry& e = queue.entry(i);
    if (e.burst.row != device_.open_row(e.burst.bank) || e.burst.write != write || e.activated ||
        e.precharged)
      return false;
  }
  return true;
}

void DramChannel::begin_train() {
  train_queue_ = choice_.queue;
  train_command_ = choice_.command;
  const bool write = train_command_ == DramCommand::kWrite;
  train_.begin(standard_, device_, train_command_, bus_free_[bus_of(train_command_)],
               data_clock_until_[0], std::min(refresh_.soonest(), aged_after_ + 1));
  queues_[train_queue_].take_all([this](const BurstQueue::Entry& e) {
    train_.push({e.burst.accepted, e.order, e.burst.bank, e.burst.request});
  });
  // All that its queue bid for: hits.
  const std::size_t kind = write ? BankBids::kWrites : BankBids::kReads;
  for (std::uint64_t left = bids_.banks(kind); left != 0; left &= left - 1)
    bids_.clear(kind, __builtin_ctzll(left));
  train_latency_ =
      (write ? standard_.write_latency : standard_.read_latency) + standard_.burst_cycles;
  train_bursts_ = 0;
  train_data_ = counts_.data_end;
  in_train_ = true;
  decided_ = false;
  if (!train_.find_next() || !keeps_queue()) end_train();
}

/// Bursts whose arrival the last decision of the train has seen are linked, in the order of their
/// acceptance; later ones are arrivals as they would be without it.
void DramChannel::end_train() {
  constexpr int kShort = 4, kLeastRest = 8, kMostRest = 32;  // bursts
  in_train_ = false;
  count_train(&counts_);
  shortcuts_.in_trains += train_bursts_;
  const bool pays = train_bursts_ >= kShort;
  if (!pays) train_wait_ = train_rest_;
  train_rest_ = pays ? kLeastRest : std::min(2 * train_rest_, kMostRest);
  BurstQueue& queue = queues_[train_queue_];
  const std::int64_t seen = train_.last_start();
  train_.end(&device_, train_command_);
  bus_free_[bus_of(train_command_)] = train_.bus_free();
  data_clock_until_[0] = train_.data_clock_until();
  Fifo<Arrival> others;
  std::swap(others, arrivals_);
  while (!train_.empty() || !others.empty()) {
    Arrival next;
    if (others.empty() || (!train_.empty() && train_.oldest().accepted < others.front().accepted)) {
      const Train::Burst& b = train_.oldest();
      next = {queue.put({device_.open_row(b.bank), b.accepted, b.bank, b.request,
                         train_command_ == DramCommand::kWrite}),
              train_queue_, b.accepted};
      if (b.order != Train::kNoOrder) {
        queue.link(next.entry, b.order);
        train_.drop();
        continue;
      }
      train_.drop();
    } else {
      next = others.front();
      others.pop();
    }
    if (next.accepted < seen) {
      queues_[next.queue].link(next.entry, order_++);
    } else {
      arrivals_.push(next);
    }
  }
  // A bank without bursts has no bids either.
  for (std::int64_t bank = 0; bank < standard_.banks; ++bank)
    if (queues_[0].list(bank).head != BurstQueue::kNone ||
        queues_[1].list(bank).head != BurstQueue::kNone)
      bid_again(bank);
}

/// What serve_train() has left out.
void DramChannel::count_train(ChannelCounts* counts) const {
  const std::int64_t busy = train_bursts_ * standard_.burst_cycles;
  counts->bus.busy += busy;
  counts->bus.column += counts_.data_end - train_data_ - busy;
  counts->row_hits += train_bursts_;
  counts->commands[index_of(train_command_)] += train_bursts_;
  (train_command_ == DramCommand::kWrite ? counts->writes : counts->reads) += train_bursts_;
}

}  // namespace bitjoule
