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

  /// What a column command waits for: `all` of it, and what any other of its rank waits for.
  struct ColumnWait {
    std::int64_t all, shared;
  };
  ColumnWait column_wait(DramCommand command, std::int64_t bank) const {
    const std::size_t c = index_of(command);
    const Bank& b = banks_[at(bank)];
    const std::int64_t* const ready = ready_.data() + c;
    const std::int64_t shared = std::max(ready[b.node[kRank]], ready[b.node[kChannel]]);
    return {std::max({ready[b.node[kBank]], ready[b.node[kGroup]], shared}), shared};
  }
  std::size_t ranks() const { return open_banks_.size(); }
  /// First cycle at which `command` to `bank` meets every constraint (the bus aside).
  std::int64_t earliest(DramCommand command, std::int64_t bank) const {
    return std::max(earliest_of_bank(command, bank), earliest_beyond(command, bank));
  }
  /// The parts of it that only commands to this bank move, and that others move too.
  std::int64_t earliest_of_bank(DramCommand command, std::int64_t bank) const {
    return ready_[at(bank) * kDramCommands + index_of(command)];
  }
  std::int64_t earliest_beyond(DramCommand command, std::int64_t bank) const {
    const Bank& b = banks_[at(bank)];
    const std::size_t c = index_of(command);
    return std::max(
        {ready_[b.node[kGroup] + c], ready_[b.node[kRank] + c], ready_[channel_at_ + c]});
  }
  /// What rank and channel allow.
  std::int64_t earliest_in_rank(DramCommand command, std::int64_t rank) const {
    const std::size_t c = index_of(command);
    return std::max(ready_[ranks_at_ + at(rank) * kDramCommands + c], ready_[channel_at_ + c]);
  }
  /// The same for the rank that allows it first.
  std::int64_t earliest_in_some_rank(DramCommand command) const {
    std::int64_t earliest = earliest_in_rank(command, 0);
    for (std::size_t rank = 1; rank < open_banks_.size(); ++rank) {
      earliest = std::min(earliest, earliest_in_rank(command, static_cast<std::int64_t>(rank)));
    }
    return earliest;
  }
  /// What groups, ranks and the channel allow, in arrays: of all bank groups, rank by rank, of the
  /// ranks and of the channel, kDramCommands cycles for each.
  struct Beyond {
    const std::int64_t *groups, *ranks, *channel;
    std::size_t groups_per_rank;
  };
  Beyond beyond() const {
    const std::int64_t* const ready = ready_.data();
    return {ready + banks_.size() * kDramCommands, ready + ranks_at_, ready + channel_at_,
            groups_per_rank_};
  }
  /// What the bank's group allows.
  std::int64_t earliest_of_group(DramCommand command, std::int64_t bank) const {
    return ready_[banks_[at(bank)].node[kGroup] + index_of(command)];
  }
  /// From a column command to the next of its kind: in its bank, its group, and any.
  struct ColumnGap {
    std::int64_t bank = 0, group = 0, shared = 0;
  };
  ColumnGap column_gap(DramCommand command) const;
  /// Whether what `command` brings about concerns its own rank alone and not the number of
  /// commands.
  bool is_local(DramCommand command) const { return !rules_[index_of(command)].far; }
  /// Kinds of commands to other banks that `command` makes wait, as bits: 1 column commands (of its
  /// own kind, if it is one), 2 ACT, 4 PRE.
  unsigned reaches(DramCommand command) const { return rules_[index_of(command)].reaches; }
  bool has_no_rules(DramCommand command) const {
    const Consequences& rules = rules_[index_of(command)];
    return rules.own.empty() && !rules.far;
  }
  /// The same for PREA and REF, which must suit every bank of the rank.
  std::int64_t earliest_of_rank(DramCommand command, std::int64_t rank) const;

  /// Whether both allow the same from `cycle` on: constraints that are over do not count.
  bool is_like(const DramDevice& o, std::int64_t cycle) const;

  /// Applies the constraints that `command` causes and opens or closes the row.
  void issue(DramCommand command, std::int64_t bank, std::int64_t row, std::int64_t cycle);
  /// The same for RD and WR.
  void issue_column(DramCommand command, std::int64_t bank, std::int64_t cycle);
  /// Of a column command that is_local(), only what ACT, PRE and its own kind wait for; the rest is
  /// left for issue_column(), which may come after others' and then says the same.
  void issue_column_now(DramCommand command, std::int64_t bank, std::int64_t cycle) {
    const Bank& b = banks_[at(bank)];
    for (const Consequence& r : rules_[index_of(command)].soon) apply(r, b, cycle);
  }
  /// The same for PREA and REF.
  void issue_to_rank(DramCommand command, std::int64_t rank, std::int64_t cycle);
  /// Precharges by itself as soon as the bank allows it; returns when.
  std::int64_t auto_precharge(std::int64_t bank);

 private:
  static constexpr std::int64_t kLongAgo = -(std::int64_t{1} << 40);
  /// The nodes that a command to a bank concerns, as indices into Bank::node.
  static constexpr std::uint32_t kBank = 0, kGroup = 1, kRank = 2, kChannel = 3, kLevels = 4;
  struct Bank {
    std::int64_t open_row = kClosed;
    std::array<std::uint32_t, kLevels> node{};  // where each node's cycles begin in ready_
    std::int64_t rank = 0;
  };
  struct Consequence {
    std::uint32_t level;
    std::uint32_t following;
    std::int64_t latency;
  };
  /// A rule with a window: the cycles of the last `window` commands, per node of its level.
  struct Window {
    std::uint32_t level;
    std::uint32_t following;
    std::int64_t latency;
    std::size_t size;
    std::vector<std::int64_t> history;  // size entries per node, oldest at next[node]
    std::vector<std::size_t> next;
  };
  /// What one command causes.
  struct Consequences {
    std::vector<Consequence> own;          // for the nodes of its bank
    std::vector<Consequence> soon;         // of these, for ACT, PRE and the command itself
    std::vector<Consequence> other_ranks;  // for the other ranks
    std::vector<std::size_t> windows;
    bool far = false;  // it has any of the latter two
    unsigned reaches = 0;
  };

  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  void apply(const Consequence& rule, const Bank& bank, std::int64_t cycle) {
    std::int64_t& ready = ready_[bank.node[rule.level] + rule.following];
    ready = std::max(ready, cycle + rule.latency);
  }
  void add_rule(DramCommand preceding, const TimingRule& rule);
  void apply_far(const Consequences& rules, const Bank& bank, std::int64_t cycle);
  void apply_window(Window* window, const Bank& bank, std::int64_t cycle);
  void set_row(std::int64_t bank, std::int64_t row);

  std::array<Consequences, kDramCommands> rules_;
  std::vector<Window> windows_;
  std::int64_t banks_per_rank_;
  std::size_t groups_per_rank_;
  std::size_t ranks_at_ = 0, channel_at_ = 0;  // where their cycles begin in ready_
  std::vector<Bank> banks_;
  std::vector<std::int64_t> ready_;       // by node (banks, groups, ranks, the channel) and command
  std::vector<std::int64_t> open_banks_;  // per rank
};

inline void DramDevice::issue_column(DramCommand command, std::int64_t bank, std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  const Bank& b = banks_[at(bank)];
  for (const Consequence& r : rules.own) apply(r, b, cycle);
  if (rules.far) apply_far(rules, b, cycle);
}

inline void DramDevice::issue(DramCommand command, std::int64_t bank, std::int64_t row,
                              std::int64_t cycle) {
  issue_column(command, bank, cycle);
  if (command == DramCommand::kAct) set_row(bank, row);
  if (command == DramCommand::kPre) set_row(bank, kClosed);
}

}  // namespace bitjoule
