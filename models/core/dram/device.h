// The state of one channel's devices: which rows are open, and from when each command is legal.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/dram/standard.h"

namespace bitjoule {

/// A command as it went over the bus; `bank` counts within the channel. A command to a rank names
/// its first bank. `automatic`: a precharge that a column command brought with it (no bus clock).
struct DramCommandRecord {
  std::int64_t cycle = 0;
  DramCommand command = DramCommand::kAct;
  std::int64_t bank = 0;
  std::int64_t row = 0;
  bool automatic = false;
};

/// Timing is "blocked at cycle earliest - 1, legal at earliest". Row state is not checked here: the
/// controller asks open_row().
class DramDevice {
 public:
  static constexpr std::int64_t kClosed = -1;

  explicit DramDevice(const DramStandard& standard);

  std::int64_t open_row(std::int64_t bank) const { return banks_[at(bank)].open_row; }
  std::int64_t open_banks(std::int64_t rank) const { return open_banks_[at(rank)]; }
  std::int64_t rank_of(std::int64_t bank) const { return banks_[at(bank)].rank; }

  /// First cycle at which `command` to `bank` meets every constraint (the bus aside).
  std::int64_t earliest(DramCommand command, std::int64_t bank) const {
    return std::max(earliest_of_bank(command, bank), earliest_beyond(command, bank));
  }
  /// The parts of it that only commands to this bank move, and that others move too.
  std::int64_t earliest_of_bank(DramCommand command, std::int64_t bank) const {
    return of(command)[bank];
  }
  std::int64_t earliest_beyond(DramCommand command, std::int64_t bank) const {
    const Bank& b = banks_[at(bank)];
    const std::int64_t* const ready = of(command);
    return std::max({ready[b.node[kGroup]], ready[b.node[kRank]], ready[b.node[kChannel]]});
  }
  /// What the bank's group allows; what rank and channel allow.
  std::int64_t earliest_of_group(DramCommand command, std::int64_t bank) const {
    return of(command)[banks_[at(bank)].node[kGroup]];
  }
  std::int64_t earliest_in_rank(DramCommand command, std::int64_t rank) const {
    const std::int64_t* const ready = of(command);
    return std::max(ready[ranks_at_ + at(rank)], ready[channel_at_]);
  }
  /// Of one rank: where in cycles() what its groups allow begins for `command`, and the rank's.
  struct Shared {
    std::size_t groups, rank;
  };
  Shared shared(DramCommand command) const {
    const std::size_t begin = index_of(command) * nodes_;
    return {begin + banks_.size(), begin + ranks_at_};
  }
  const std::int64_t* cycles() const { return ready_.data(); }
  /// From a column command to the next of its kind: in its bank, its group, and any.
  struct ColumnGap {
    std::int64_t bank = 0, group = 0, shared = 0;
  };
  ColumnGap column_gap(DramCommand command) const;
  /// Whether what `command` brings about concerns its own rank alone and not the number of
  /// commands.
  bool is_local(DramCommand command) const { return !rules_[index_of(command)].far; }
  /// The same for PREA and REF, which must suit every bank of the rank.
  std::int64_t earliest_of_rank(DramCommand command, std::int64_t rank) const;

  /// Whether both allow the same from `cycle` on: constraints that are over do not count.
  bool is_like(const DramDevice& o, std::int64_t cycle) const;

  /// Applies the constraints that `command` causes and opens or closes the row.
  void issue(DramCommand command, std::int64_t bank, std::int64_t row, std::int64_t cycle);
  /// The same for RD and WR.
  void issue_column(DramCommand command, std::int64_t bank, std::int64_t cycle);
  /// The same for PREA and REF.
  void issue_to_rank(DramCommand command, std::int64_t rank, std::int64_t cycle);
  /// Precharges by itself as soon as the bank allows it; returns when.
  std::int64_t auto_precharge(std::int64_t bank);

 private:
  static constexpr std::int64_t kLongAgo = -(std::int64_t{1} << 40);
  /// The nodes that a command to a bank concerns, as indices into Bank::node. Nodes are the banks,
  /// the groups, the ranks and the channel, in this order.
  static constexpr std::uint32_t kBank = 0, kGroup = 1, kRank = 2, kChannel = 3, kLevels = 4;
  struct Bank {
    std::int64_t open_row = kClosed;
    std::array<std::uint32_t, kLevels> node{};
    std::int64_t rank = 0;
  };
  struct Consequence {
    std::uint32_t level;
    std::uint32_t following_at;  // where cycles of the command that waits begin in ready_
    std::int64_t latency;
  };
  /// A rule with a window: the cycles of the last `window` commands, per node of its level.
  struct Window {
    Consequence rule;
    std::size_t size;
    std::vector<std::int64_t> history;  // size entries per node, oldest at next[node]
    std::vector<std::size_t> next;
  };
  /// What one command causes.
  struct Consequences {
    std::vector<Consequence> in_bank, beyond;  // for its bank, and for the bank's other nodes
    std::vector<Consequence> other_ranks;      // for the other ranks
    std::vector<std::size_t> windows;
    bool far = false;  // it has any of the latter two
  };

  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  const std::int64_t* of(DramCommand command) const {
    return ready_.data() + index_of(command) * nodes_;
  }
  void apply(const Consequence& rule, const Bank& bank, std::int64_t cycle) {
    std::int64_t& ready = ready_[rule.following_at + bank.node[rule.level]];
    ready = std::max(ready, cycle + rule.latency);
  }
  void add_rule(DramCommand preceding, const TimingRule& rule);
  void apply_far(const Consequences& rules, const Bank& bank, std::int64_t cycle);
  void set_row(std::int64_t bank, std::int64_t row) {
    Bank& b = banks_[at(bank)];
    open_banks_[at(b.rank)] += (row != kClosed ? 1 : 0) - (b.open_row != kClosed ? 1 : 0);
    b.open_row = row;
  }

  std::array<Consequences, kDramCommands> rules_;
  std::vector<Window> windows_;
  std::int64_t banks_per_rank_;
  std::size_t ranks_at_ = 0, channel_at_ = 0, nodes_ = 0;  // among the nodes; how many
  std::vector<Bank> banks_;
  std::vector<std::int64_t> ready_;       // by command and node
  std::vector<std::int64_t> open_banks_;  // per rank
};

inline void DramDevice::issue_column(DramCommand command, std::int64_t bank, std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  const Bank& b = banks_[at(bank)];
  std::int64_t* const own = ready_.data() + bank;
  for (const Consequence& r : rules.in_bank)
    own[r.following_at] = std::max(own[r.following_at], cycle + r.latency);
  for (const Consequence& r : rules.beyond) apply(r, b, cycle);
  if (rules.far) apply_far(rules, b, cycle);
}

inline void DramDevice::issue(DramCommand command, std::int64_t bank, std::int64_t row,
                              std::int64_t cycle) {
  issue_column(command, bank, cycle);
  if (command == DramCommand::kAct) set_row(bank, row);
  if (command == DramCommand::kPre) set_row(bank, kClosed);
}

}  // namespace bitjoule
