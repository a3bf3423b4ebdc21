#include "core/dram/device.h"

namespace bitjoule {

DramDevice::DramDevice(const DramStandard& standard)
    : banks_per_rank_(standard.banks_per_rank),
      groups_per_rank_(at(standard.organization.bank_groups)),
      banks_(at(standard.banks)),
      open_banks_(at(standard.organization.ranks)) {
  const std::size_t banks = banks_.size();
  const std::size_t per_group = at(standard.organization.banks_per_group);
  const std::size_t groups = banks / per_group, ranks = open_banks_.size();
  ranks_at_ = (banks + groups) * kDramCommands;
  channel_at_ = ranks_at_ + ranks * kDramCommands;
  ready_.resize(channel_at_ + kDramCommands);
  for (std::size_t b = 0; b < banks; ++b) {
    const std::size_t rank = b / at(banks_per_rank_);
    banks_[b].rank = static_cast<std::int64_t>(rank);
    const std::array<std::size_t, kLevels> begins = {b * kDramCommands,
                                                     (banks + b / per_group) * kDramCommands,
                                                     ranks_at_ + rank * kDramCommands, channel_at_};
    for (std::size_t i = 0; i < kLevels; ++i)
      banks_[b].node[i] = static_cast<std::uint32_t>(begins[i]);
  }
  for (std::size_t c = 0; c < rules_.size(); ++c) {
    for (const TimingRule& rule : standard.rules[c]) add_rule(static_cast<DramCommand>(c), rule);
  }
}

void DramDevice::add_rule(DramCommand preceding, const TimingRule& rule) {
  constexpr std::array<std::uint32_t, 5> kLevelOf = {kBank, kGroup, kRank, kRank, kChannel};
  if (rule.level == TimingLevel::kOtherRanks && open_banks_.size() == 1) return;  // there are none
  const std::uint32_t level = kLevelOf[static_cast<std::size_t>(rule.level)];
  const auto following = static_cast<std::uint32_t>(index_of(rule.following));
  Consequences& all = rules_[index_of(preceding)];
  all.far = all.far || rule.window > 1 || rule.level == TimingLevel::kOtherRanks;
  if (rule.level != TimingLevel::kBank) {
    if (rule.following == DramCommand::kAct) all.reaches |= 2;
    if (rule.following == DramCommand::kPre) all.reaches |= 4;
    if (is_column(rule.following) && (rule.following == preceding || !is_column(preceding)))
      all.reaches |= 1;
  }
  if (rule.window > 1) {
    all.windows.push_back(windows_.size());
    const std::size_t nodes = ready_.size() / kDramCommands, size = at(rule.window);
    windows_.push_back({level, following, rule.latency, size,
                        std::vector<std::int64_t>(nodes * size, kLongAgo),
                        std::vector<std::size_t>(nodes, 0)});
    return;
  }
  const Consequence consequence{level, following, rule.latency};
  if (rule.level == TimingLevel::kOtherRanks) return all.other_ranks.push_back(consequence);
  all.own.push_back(consequence);
  if (rule.following == DramCommand::kAct || rule.following == DramCommand::kPre ||
      rule.following == preceding)
    all.soon.push_back(consequence);
}

std::int64_t DramDevice::earliest_of_rank(DramCommand command, std::int64_t rank) const {
  std::int64_t cycle = 0;
  for (std::int64_t b = rank * banks_per_rank_; b < (rank + 1) * banks_per_rank_; ++b) {
    cycle = std::max(cycle, earliest(command, b));
  }
  return cycle;
}

DramDevice::ColumnGap DramDevice::column_gap(DramCommand command) const {
  ColumnGap gap;
  for (const Consequence& r : rules_[index_of(command)].own) {
    if (r.following != index_of(command)) continue;
    std::int64_t& least = r.level == kBank ? gap.bank : r.level == kGroup ? gap.group : gap.shared;
    least = std::max(least, r.latency);
  }
  return gap;
}

bool DramDevice::is_like(const DramDevice& o, std::int64_t cycle) const {
  const auto same_from = [](std::int64_t from) {
    return
        [from](std::int64_t a, std::int64_t b) { return std::max(a, from) == std::max(b, from); };
  };
  const auto same_row = [](const Bank& a, const Bank& b) { return a.open_row == b.open_row; };
  if (!std::equal(banks_.begin(), banks_.end(), o.banks_.begin(), same_row)) return false;
  if (!std::equal(ready_.begin(), ready_.end(), o.ready_.begin(), same_from(cycle))) return false;
  for (std::size_t w = 0; w < windows_.size(); ++w) {
    const Window &a = windows_[w], &b = o.windows_[w];
    const auto same = same_from(cycle - a.latency);
    for (std::size_t n = 0; n < a.next.size(); ++n)
      for (std::size_t i = 0; i < a.size; ++i)  // the oldest first
        if (!same(a.history[n * a.size + (a.next[n] + i) % a.size],
                  b.history[n * a.size + (b.next[n] + i) % a.size]))
          return false;
  }
  return true;
}

void DramDevice::apply_window(Window* window, const Bank& bank, std::int64_t cycle) {
  const std::size_t n = bank.node[window->level] / kDramCommands;
  std::size_t& next = window->next[n];
  window->history[n * window->size + next] = cycle;
  next = next + 1 == window->size ? 0 : next + 1;
  apply({window->level, window->following, window->latency}, bank,
        window->history[n * window->size + next]);
}

/// What reaches beyond the bank's own nodes or depends on more than one command.
void DramDevice::apply_far(const Consequences& rules, const Bank& bank, std::int64_t cycle) {
  if (!rules.other_ranks.empty()) {
    for (std::size_t b = 0; b < banks_.size(); b += at(banks_per_rank_)) {
      if (banks_[b].rank == bank.rank) continue;
      for (const Consequence& r : rules.other_ranks) apply(r, banks_[b], cycle);
    }
  }
  for (const std::size_t w : rules.windows) apply_window(&windows_[w], bank, cycle);
}

void DramDevice::set_row(std::int64_t bank, std::int64_t row) {
  Bank& b = banks_[at(bank)];
  open_banks_[at(b.rank)] += (row != kClosed ? 1 : 0) - (b.open_row != kClosed ? 1 : 0);
  b.open_row = row;
}

void DramDevice::issue_to_rank(DramCommand command, std::int64_t rank, std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  const std::int64_t first = rank * banks_per_rank_;
  for (std::int64_t b = first; b < first + banks_per_rank_; ++b) {
    for (const Consequence& r : rules.own) apply(r, banks_[at(b)], cycle);
    if (command == DramCommand::kPreAll) set_row(b, kClosed);
  }
  apply_far(rules, banks_[at(first)], cycle);
}

std::int64_t DramDevice::auto_precharge(std::int64_t bank) {
  const std::int64_t cycle = earliest_of_bank(DramCommand::kPre, bank);
  for (const Consequence& r : rules_[index_of(DramCommand::kPre)].own) {
    if (r.level == kBank) apply(r, banks_[at(bank)], cycle);
  }
  set_row(bank, kClosed);
  return cycle;
}

}  // namespace bitjoule
