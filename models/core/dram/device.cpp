#include "core/dram/device.h"

namespace bitjoule {

DramDevice::DramDevice(const DramStandard& standard)
    : banks_per_rank_(standard.banks_per_rank),
      banks_(at(standard.banks)),
      open_banks_(at(standard.organization.ranks)) {
  const std::size_t banks = banks_.size();
  const std::size_t per_group = at(standard.organization.banks_per_group);
  const std::size_t groups = banks / per_group, ranks = open_banks_.size();
  ranks_at_ = banks + groups;
  channel_at_ = ranks_at_ + ranks;
  nodes_ = channel_at_ + 1;
  ready_.resize(nodes_ * kDramCommands);
  for (std::size_t b = 0; b < banks; ++b) {
    const std::size_t rank = b / at(banks_per_rank_);
    banks_[b].rank = static_cast<std::int64_t>(rank);
    const std::array<std::size_t, kLevels> nodes = {b, banks + b / per_group, ranks_at_ + rank,
                                                    channel_at_};
    for (std::size_t i = 0; i < kLevels; ++i)
      banks_[b].node[i] = static_cast<std::uint32_t>(nodes[i]);
  }
  for (std::size_t c = 0; c < rules_.size(); ++c) {
    for (const TimingRule& rule : standard.rules[c]) add_rule(static_cast<DramCommand>(c), rule);
  }
}

void DramDevice::add_rule(DramCommand preceding, const TimingRule& rule) {
  constexpr std::array<std::uint32_t, 5> kLevelOf = {kBank, kGroup, kRank, kRank, kChannel};
  if (rule.level == TimingLevel::kOtherRanks && open_banks_.size() == 1) return;  // there are none
  std::uint32_t level = kLevelOf[static_cast<std::size_t>(rule.level)];
  if (level == kChannel && open_banks_.size() == 1) level = kRank;  // the same
  const Consequence consequence{
      level, static_cast<std::uint32_t>(index_of(rule.following) * nodes_), rule.latency};
  Consequences& all = rules_[index_of(preceding)];
  all.far = all.far || rule.window > 1 || rule.level == TimingLevel::kOtherRanks;
  if (rule.window > 1) {
    all.windows.push_back(windows_.size());
    const std::size_t size = at(rule.window);
    windows_.push_back({consequence, size, std::vector<std::int64_t>(nodes_ * size, kLongAgo),
                        std::vector<std::size_t>(nodes_, 0)});
    return;
  }
  (rule.level == TimingLevel::kOtherRanks ? all.other_ranks
   : level == kBank                       ? all.in_bank
                                          : all.beyond)
      .push_back(consequence);
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
  const Consequences& rules = rules_[index_of(command)];
  for (const std::vector<Consequence>* list : {&rules.in_bank, &rules.beyond})
    for (const Consequence& r : *list) {
      if (r.following_at != index_of(command) * nodes_) continue;
      std::int64_t& least = r.level == kBank    ? gap.bank
                            : r.level == kGroup ? gap.group
                                                : gap.shared;
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
    const auto same = same_from(cycle - a.rule.latency);
    for (std::size_t n = 0; n < a.next.size(); ++n)
      for (std::size_t i = 0; i < a.size; ++i)  // the oldest first
        if (!same(a.history[n * a.size + (a.next[n] + i) % a.size],
                  b.history[n * a.size + (b.next[n] + i) % a.size]))
          return false;
  }
  return true;
}

/// What reaches beyond the bank's own nodes or depends on more than one command.
void DramDevice::apply_far(const Consequences& rules, const Bank& bank, std::int64_t cycle) {
  if (!rules.other_ranks.empty()) {
    for (std::size_t b = 0; b < banks_.size(); b += at(banks_per_rank_)) {
      if (banks_[b].rank == bank.rank) continue;
      for (const Consequence& r : rules.other_ranks) apply(r, banks_[b], cycle);
    }
  }
  for (const std::size_t w : rules.windows) {
    Window& window = windows_[w];
    const std::size_t n = bank.node[window.rule.level];
    std::size_t& next = window.next[n];
    std::int64_t* const history = window.history.data() + n * window.size;
    history[next] = cycle;
    next = next + 1 == window.size ? 0 : next + 1;
    apply(window.rule, bank, history[next]);
  }
}

void DramDevice::issue_to_rank(DramCommand command, std::int64_t rank, std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  const std::int64_t first = rank * banks_per_rank_;
  for (std::int64_t b = first; b < first + banks_per_rank_; ++b) {
    for (const Consequence& r : rules.in_bank) apply(r, banks_[at(b)], cycle);
    for (const Consequence& r : rules.beyond) apply(r, banks_[at(b)], cycle);
    if (command == DramCommand::kPreAll) set_row(b, kClosed);
  }
  apply_far(rules, banks_[at(first)], cycle);
}

std::int64_t DramDevice::auto_precharge(std::int64_t bank) {
  const std::int64_t cycle = earliest_of_bank(DramCommand::kPre, bank);
  for (const Consequence& r : rules_[index_of(DramCommand::kPre)].in_bank)
    apply(r, banks_[at(bank)], cycle);
  set_row(bank, kClosed);
  return cycle;
}

}  // namespace bitjoule
