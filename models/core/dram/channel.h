// The controller of one channel: which command goes next, and when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/dram/bids.h"
#include "core/dram/device.h"
#include "core/dram/engine.h"
#include "core/dram/queue.h"
#include "core/dram/rank_states.h"
#include "core/dram/refresh.h"
#include "core/dram/standard.h"
#include "core/dram/stats.h"
#include "core/dram/train.h"
#include "core/fifo.h"

namespace bitjoule {

/// Counts of one channel, as in DramStats.
struct ChannelCounts {
  std::int64_t reads = 0, writes = 0;
  std::int64_t row_hits = 0, row_misses = 0, row_conflicts = 0;
  std::array<std::int64_t, kDramCommands> commands{};
  std::int64_t data_clock_syncs = 0;
  std::int64_t queued_cycles = 0, max_queued = 0;
  DataBusCycles bus;
  std::int64_t data_end = 0;  ///< of the last burst
};

/// Bursts for which not every bank was asked (for checkers).
struct DramShortcuts {
  std::int64_t in_trains = 0;  ///< that are over
  std::int64_t by_keys = 0;    ///< served by a column command of the least key

  void add(const DramShortcuts& other, std::int64_t times) {
    in_trains += times * other.in_trains;
    by_keys += times * other.by_keys;
  }
};

/// FR-FCFS: of all commands that some queued burst needs next, the one that can start first goes
/// next; at equal times column commands before others, then the older burst. Hits do not hold back
/// an older burst to another row of their bank, except the burst that the row was opened for (its
/// owner): it is served first, whatever the queues' mode, and even before a refresh that has come
/// due, so that no activate is in vain. Time jumps from command to command.
///
/// Reads and writes wait in one queue or in two. With two, writes drain when they pass the high
/// watermark or no read waits, until they are down to the low one. Once the oldest burst of all is
/// older than the age limit, only it and owners are served.
class DramChannel {
 public:
  DramChannel(const DramStandard& standard, const DramControllerConfig& controller);

  bool has_room(bool write) const {
    const std::size_t q = queue_of(write);
    return entries_[q] < capacity_[q];
  }
  /// Takes a burst; its acceptance must be later than the one before and than the last command's
  /// start, or equal to the latter.
  void accept(const DramBurst& burst);
  std::int64_t last_accepted() const { return last_accepted_; }

  /// Start of the next command; kNever while no burst is queued. Refreshes of an idle channel are
  /// left until someone looks.
  std::int64_t next() {
    if (in_train_) return train_.cycle();
    if (held_[0] + held_[1] == 0) return kNever;
    if (!decided_ || is_late(choice_.cycle)) decide();
    return choice_.cycle;
  }
  /// Whether nothing has to be decided for it: then it is at train_cycle().
  bool in_train() const { return in_train_; }
  std::int64_t train_cycle() const { return train_.cycle(); }
  /// A burst that a command has moved.
  struct Served {
    std::uint32_t request = 0;  ///< the engine's
    bool write = false;
    std::int64_t accepted = 0, end = 0;  ///< cycles: as it came, and of its last data beat
  };
  /// Issues that command, a train's.
  void serve_train(Served* served);
  /// Whether the train goes on as long as its bursts let it, with what waits for the other queue.
  bool may_run_train() const {
    return in_train_ && (unified_ || train_queue_ == 0 ||
                         queues_[0].size() + static_cast<std::int64_t>(arrivals_.size()) == 0);
  }
  /// Whether there is room for a burst once one of the train is gone, and whether it may be of it.
  bool train_makes_room(bool write) const { return queue_of(write) == train_queue_; }
  bool train_is_write() const { return train_command_ == DramCommand::kWrite; }
  /// As serve_train() from cycles before `until`, one burst after the other, each with one in its
  /// place as `user` has it: served(burst, end) and waiting(cycle) as of Train::run(), and
  /// enter(last_accepted, &until), a DramBurst. After may_run_train(). In train_run.h.
  template <class User>
  void run_train(std::int64_t until, User& user);
  /// Issues the command that next() has found, as nothing has come since; true if it moves a burst.
  [[gnu::always_inline]] bool step(Served* served) {
    if (in_train_) {
      serve_train(served);
      return true;
    }
    return step_any(served);
  }
  /// An idle channel does the refreshes due by `cycle`, and powers down.
  void catch_up(std::int64_t cycle);
  /// Of all ranks up to `cycle`, which is no earlier than the last command.
  DramStates states(std::int64_t cycle) const;

  ChannelCounts counts() const {
    ChannelCounts all = counts_;
    if (in_train_) count_train(&all);
    return all;
  }
  /// Ends a train: then it may be compared.
  void end_runs() {
    if (in_train_) end_train();
  }
  /// A first look at whether is_like() may be true, which ends no train.
  bool may_be_like(const DramChannel& o) const {
    return held_[0] == o.held_[0] && held_[1] == o.held_[1] &&
           counts_.data_end == o.counts_.data_end;
  }
  /// Whether both do the same from `cycle` on if they accept the same, at `port` or later: no
  /// command of either is to come before `cycle`, and no burst before `port`. What is over does not
  /// count, nor what has been counted. After end_runs().
  bool is_like(const DramChannel& o, std::int64_t cycle, std::int64_t port) const;
  /// Every command from now on is appended to `trace`; none is skipped then.
  void record(std::vector<DramCommandRecord>* trace) { trace_ = trace; }
  std::vector<DramCommandRecord>* trace() const { return trace_; }
  /// From now on every decision asks every bank in turn: the same commands, more slowly.
  void take_no_shortcuts() { by_keys_ = false; }
  const DramShortcuts& shortcuts() const { return shortcuts_; }
  /// As if so many bursts had been accepted before.
  void skip_orders(std::int64_t bursts) { order_ = bursts; }

 private:
  /// The next command, and when.
  struct Choice {
    std::int64_t cycle = kNever;  // of the first bus clock
    std::int64_t start = kNever;  // of the command itself, later by a CAS before it
    std::int64_t rank = kNever;   // among commands at the same cycle, as in Bid
    std::int64_t key = kNever;    // by BankBids, if it was chosen by keys
    std::int64_t bank = 0;
    std::int32_t entry = BurstQueue::kNone;  // none: a refresh or a precharge for it
    std::size_t queue = 0;
    DramCommand command = DramCommand::kAct;
    bool owner = false;
    bool goes_before(const Choice& o) const {
      return cycle != o.cycle ? cycle < o.cycle : rank < o.rank;
    }
  };

  /// A command that a burst wants sent. `ready` is when bank and burst allow it; what banks share
  /// (bus, bank group, rank) comes on top.
  struct Bid {
    std::int64_t ready = 0;
    std::int64_t rank = 0;  // at equal times the smaller one goes first: BankBids::rank_of()
    std::int32_t entry = BurstQueue::kNone;
    std::int32_t bank = 0;
    DramCommand command = DramCommand::kAct;
    bool owner = false;  // of the bank's row
  };

  /// A burst in its queue's store, not yet linked.
  struct Arrival {
    std::int32_t entry = BurstQueue::kNone;
    std::size_t queue = 0;
    std::int64_t accepted = 0;
  };

  /// The burst that a bank's row was opened for, until it is served.
  struct Owner {
    std::int32_t entry = BurstQueue::kNone;
    std::uint32_t queue = 0;
  };
  static constexpr std::int64_t kNoBank = -1;
  static DramCommand column_of(bool write) {
    return write ? DramCommand::kWrite : DramCommand::kRead;
  }

  std::size_t queue_of(bool write) const { return write && !unified_ ? 1 : 0; }
  std::size_t bus_of(DramCommand c) const { return split_bus_ && is_column(c) ? 1 : 0; }
  /// Whether a decision for `cycle` has to know of an arrival that it does not.
  bool is_late(std::int64_t cycle) const {
    return !arrivals_.empty() && arrivals_.front().accepted < cycle;
  }
  bool step_any(Served* served);
  bool allows_trains(DramCommand command) const;
  bool waits_like(const DramChannel& o) const;
  bool may_begin_train();
  void begin_train();
  bool keeps_queue() const;
  void end_train();
  void count_train(ChannelCounts* counts) const;
  template <class User>
  class TrainRun;
  void decide();
  unsigned admit(const Arrival& arrival);
  unsigned admit_arrival() {
    const Arrival arrival = arrivals_.front();
    arrivals_.pop();
    return admit(arrival);
  }
  void renumber();
  bool reconsider();
  void choose();
  bool choose_by_keys();
  bool take_key(std::int64_t key);
  std::int64_t foreign_owner_key() const;
  BankBids::Gates gates() const {
    return {device_.cycles(), {bus_free_[split_bus_ ? 1 : 0], bus_free_[0], bus_free_[0]}};
  }
  void begin_bids();
  bool is_aged(std::int64_t cycle);
  std::int32_t oldest_of_all(std::size_t* queue) const;
  void choose_one_by_one();
  std::size_t queue_to_serve() const;
  void pick(std::size_t queue, Choice* best) const;
  void consider(const Bid& bid, std::size_t queue, Choice* best) const;
  void consider_owners(Choice* best) const;
  std::int64_t start_of(DramCommand command, std::int64_t bank, std::int64_t cycle) const;
  Bid make_bid(std::size_t queue, std::int32_t entry, bool owner) const;
  /// Makes the bids of `bank` again.
  void bid_again(std::int64_t bank);
  void bid_for_owner(std::int64_t bank);
  void bid_to_open(std::size_t queue, std::int64_t bank);
  void bid_for_row(std::size_t queue, std::int64_t bank);
  void clear_columns(std::size_t queue, std::int64_t bank);
  unsigned set_bid(std::size_t queue, const BurstQueue::Entry& entry, BankBids::Kind kind,
                   std::int64_t level);
  unsigned set_column(std::size_t queue, std::int32_t entry, std::int64_t level);
  unsigned set_row(std::size_t queue, std::int32_t entry, BankBids::Kind kind);
  unsigned bid_for_newest(std::size_t queue, std::int32_t entry);
  std::size_t queues() const { return unified_ ? 1 : 2; }
  const Owner& owner_of(std::int64_t bank) const { return owner_[static_cast<std::size_t>(bank)]; }
  bool is_owned(std::int64_t bank) const { return owner_of(bank).entry != BurstQueue::kNone; }
  void consider_only(std::size_t queue, std::int32_t entry, Choice* best) const;
  void give_row(const Choice& activate);
  Choice second_half() const;
  void consider_refresh(Choice* best);
  bool waits_for_owner(std::int64_t rank) const;
  Choice refresh_choice(std::int64_t rank);
  void issue_refresh(const Choice& choice);
  void skip_idle_refreshes(std::int64_t rank, std::int64_t cycle);
  /// What an idle rank does next.
  struct IdleStep {
    enum class Kind { kNone, kRefresh, kPowerDown, kWake } kind = Kind::kNone;
    std::int64_t cycle = kNever;
    Choice command;  // of kRefresh: also the precharge before a power-down
  };
  IdleStep idle_step(std::int64_t rank);
  IdleStep power_down_step(std::int64_t rank);
  void take(const IdleStep& step, std::int64_t rank);
  void wake(std::int64_t rank, std::int64_t cycle);
  void wake_all(std::int64_t cycle);
  RankStates& states_of(std::int64_t rank) { return states_[static_cast<std::size_t>(rank)]; }
  void track(DramCommand command, std::int64_t bank, std::int64_t cycle, bool automatic);
  void occupy_bus(const Choice& choice) {
    bus_free_[bus_of(choice.command)] =
        choice.start + standard_.bus_cycles[index_of(choice.command)];
  }
  void rank_changed(std::int64_t rank);
  void issue_column(Served* served);
  void close_if_last(std::int64_t bank, std::int64_t row);
  void issue_row_command(const Choice& choice);
  void count_gap(const BurstQueue::Entry& entry, std::int64_t data_start);
  void note(DramCommand command, std::int64_t bank, std::int64_t row, std::int64_t cycle,
            bool automatic = false);

  const DramStandard& standard_;
  const DramControllerConfig controller_;
  const bool unified_, split_bus_;
  DramDevice device_;
  RefreshTimer refresh_;
  std::vector<RankStates> states_;
  BurstQueue queues_[2];           // reads (or all), writes
  BankBids bids_;                  // of all that is linked
  const unsigned kinds_[2];        // of bids, by queue
  bool by_keys_;                   // decisions are, where keys tell
  std::int64_t capacity_[2];       // of the queues
  std::int64_t held_[2] = {0, 0};  // accepted and not served
  std::int64_t entries_[2] = {
      0, 0};                 // that they take: all, or those whose row was not opened for them
  std::int64_t high_, low_;  // watermarks in bursts
  Fifo<Arrival> arrivals_;   // accepted, not before the cycle that the scheduler looks at
  std::int64_t order_ = 0;
  std::int64_t last_accepted_ = -1;
  bool draining_ = false;
  std::int64_t bus_free_[2] = {0, 0};
  std::vector<std::int64_t> data_clock_until_;  // by rank
  std::vector<Owner> owner_;                    // by bank
  std::int64_t owners_[2] = {0, 0};             // so many, by queue
  std::int64_t opening_ = kNoBank;              // has had its ACT and waits for its ACT2
  bool decided_ = false;                        // choice_ stands for the bursts in the queues
  std::size_t served_queue_ = 0;                // choice_ was made for it and for owners
  bool was_by_keys_ = false;                    // choice_ was made by choose_by_keys()
  std::int64_t aged_after_ = -1;  // no command until this cycle is aged: see is_aged()
  Choice choice_;

  // While a train is under way, all bursts of its queue are in it, those that come for the other
  // queue are among the arrivals, and nothing else needs a decision: no row has an owner, and until
  // the train's limit no refresh is due and no burst is too old. It ends as soon as that may not
  // hold; then everything is where it would be without it, and what goes next is decided anew.
  // Its bursts follow one of the same kind, after any refresh: the data bus's gaps before them are
  // all of the kind `column`.
  bool in_train_ = false;
  const bool allows_trains_[2];  // of reads, of writes
  Train train_;
  std::size_t train_queue_ = 0;
  DramCommand train_command_ = DramCommand::kRead;
  std::int64_t train_latency_ = 0;  // from a command to the end of its data
  std::int64_t train_bursts_ = 0;   // served
  std::int64_t train_data_ = 0;     // end of the data before the first
  int train_wait_ = 0;              // bursts before the next may begin: see may_begin_train(), ...
  int train_rest_ = 32;             // ... and after one that was too short to pay
  DramShortcuts shortcuts_;

  ChannelCounts counts_;
  std::int64_t waiting_since_ = 0;  // when the queues were last empty before this
  std::int64_t refresh_end_ = -1;
  std::int64_t last_rank_ = 0;
  bool last_write_ = false;
  std::vector<DramCommandRecord>* trace_ = nullptr;
  const Simd simd_ = best_simd();
};

/// With the rank's data clock stopped, CAS takes the clock in which the burst could have started.
inline std::int64_t DramChannel::start_of(DramCommand command, std::int64_t bank,
                                          std::int64_t cycle) const {
  if (standard_.data_clock_after_read == 0 || !is_column(command)) return cycle;
  const auto rank = static_cast<std::size_t>(device_.rank_of(bank));
  return cycle + (cycle > data_clock_until_[rank] ? 1 : 0);
}

/// Returns the kind as a bit.
[[gnu::always_inline]] inline unsigned DramChannel::set_bid(std::size_t queue,
                                                            const BurstQueue::Entry& entry,
                                                            BankBids::Kind kind,
                                                            std::int64_t level) {
  const DramCommand command = BankBids::command_of(kind);
  const std::size_t k = is_column(command) ? kind : kind + queue;
  const std::int64_t bank = entry.burst.bank;
  bids_.set(k, bank, std::max(entry.burst.accepted + 1, device_.earliest_of_bank(command, bank)),
            BankBids::rank_of(level, entry.order, command, bank));
  return BankBids::bit_of(k);
}
inline unsigned DramChannel::set_column(std::size_t queue, std::int32_t entry, std::int64_t level) {
  const BurstQueue::Entry& e = queues_[queue].entry(entry);
  return e.burst.write ? set_bid(queue, e, BankBids::kWrites, level)
                       : set_bid(queue, e, BankBids::kReads, level);
}
[[gnu::always_inline]] inline unsigned DramChannel::set_row(std::size_t queue, std::int32_t entry,
                                                            BankBids::Kind kind) {
  return set_bid(queue, queues_[queue].entry(entry), kind, BankBids::kRow);
}

/// What a burst changes that has just been linked: only as the first of its bank, or as the first
/// hit of the open row, it makes its bank bid for something. Returns the kind as a bit.
inline unsigned DramChannel::bid_for_newest(std::size_t q, std::int32_t entry) {
  const DramBurst& burst = queues_[q].entry(entry).burst;
  if (!by_keys_) return 0;
  BurstQueue::List& list = queues_[q].list(burst.bank);
  const std::int64_t open = device_.open_row(burst.bank);
  if (burst.row == open) {
    if (list.column != BurstQueue::kNone || is_owned(burst.bank)) return 0;
    list.column = entry;
    return set_column(q, entry, BankBids::kColumn);
  }
  if (list.head != entry || is_owned(burst.bank)) return 0;
  return open == DramDevice::kClosed ? set_row(q, entry, BankBids::kActivates)
                                     : set_row(q, entry, BankBids::kPrecharges);
}

inline std::size_t DramChannel::queue_to_serve() const {
  if (unified_) return 0;
  std::int64_t reads = queues_[0].size(), writes = queues_[1].size();
  if (controller_.release_on_activate) reads -= owners_[0], writes -= owners_[1];
  if (writes == 0) return queues_[0].size() == 0 ? 1 : 0;  // one with an owner, if nothing else
  if (reads == 0) return 1;
  return writes > (draining_ ? low_ : high_) ? 1 : 0;
}

/// Moves a burst into the scheduler's sight; returns the kind of bid that has come, as a bit.
inline unsigned DramChannel::admit(const Arrival& arrival) {
  if (queues_[0].size() + queues_[1].size() == 0) waiting_since_ = arrival.accepted;
  if (order_ == BankBids::kOrders) renumber();
  queues_[arrival.queue].link(arrival.entry, order_++);
  return bid_for_newest(arrival.queue, arrival.entry);
}

/// Whether the train's queue goes on being served beside what waits for the other: whichever of the
/// latest arrivals the scheduler sees, for it decides with those before the bus was free first. So
/// of the train's own bursts only those before its last command count, and of the other's all.
inline bool DramChannel::keeps_queue() const {
  if (unified_) return true;
  const std::size_t others =
      static_cast<std::size_t>(queues_[1 - train_queue_].size()) + arrivals_.size();
  if (others == 0) return true;
  return train_queue_ == 0
             ? static_cast<std::int64_t>(others) <= high_
             : static_cast<std::int64_t>(train_.size_before(train_.last_start())) > low_;
}

[[gnu::always_inline]] inline void DramChannel::accept(const DramBurst& burst) {
  const std::size_t q = queue_of(burst.write);
  ++held_[q];
  ++entries_[q];
  counts_.max_queued = std::max(counts_.max_queued, held_[0] + held_[1]);
  last_accepted_ = burst.accepted;
  if (in_train_) {
    if (q == train_queue_ && train_.takes(burst.bank, burst.row) &&
        burst.write == (train_command_ == DramCommand::kWrite)) {
      return train_.push({burst.accepted, Train::kNoOrder, burst.bank, burst.request});
    }
    if (q == train_queue_) end_train();
  }
  const Arrival arrival{queues_[q].put(burst), q, burst.accepted};
  if (in_train_) {
    arrivals_.push(arrival);
    if (!keeps_queue()) end_train();
    return;
  }
  // With one bus no later command can start before it is free: all of them may see the burst.
  const bool in_time = !split_bus_ && burst.accepted < bus_free_[0];
  if (in_time && !decided_ && arrivals_.empty() && queues_[0].size() + queues_[1].size() > 0) {
    admit(arrival);
  } else {
    arrivals_.push(arrival);
  }
}

/// Issues the oldest burst of the train.
[[gnu::always_inline]] inline void DramChannel::serve_train(Served* served) {
  const Train::Burst& burst = train_.oldest();
  const std::int64_t start = train_.start();
  served->request = burst.request;
  served->write = train_command_ == DramCommand::kWrite;
  served->accepted = burst.accepted;
  served->end = counts_.data_end = start + train_latency_;
  counts_.queued_cycles += start - burst.accepted;
  if (start != train_.cycle()) ++counts_.data_clock_syncs;
  ++train_bursts_;
  if (trace_ != nullptr)
    trace_->push_back({start, train_command_, burst.bank, device_.open_row(burst.bank), false});
  --held_[train_queue_];
  --entries_[train_queue_];
  train_.pop();
  if (!train_.find_next() || !keeps_queue()) end_train();
}

}  // namespace bitjoule
