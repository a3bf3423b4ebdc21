#include "core/dram/device.h"

namespace bitjoule {

DramDevice::DramDevice(const DramStandard& standard)
    : banks_per_rank_(standard.banks_per_rank),
      banks_(at(standard.banks)),
      groups_(at(standard.organization.ranks * standard.organization.bank_groups)),
      ranks_(at(standard.organization.ranks)),
      open_banks_(at(standard.organization.ranks)) {
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    banks_[b].group = static_cast<std::int64_t>(b) / standard.organization.banks_per_group;
    banks_[b].rank = static_cast<std::int64_t>(b) / banks_per_rank_;
  }
  for (std::size_t c = 0; c < rules_.size(); ++c) {
    for (const TimingRule& rule : standard.rules[c]) add_rule(static_cast<DramCommand>(c), rule);
  }
}

void DramDevice::add_rule(DramCommand preceding, const TimingRule& rule) {
  Consequences& all = rules_[index_of(preceding)];
  if (rule.window > 1) {
    all.windows.push_back(windows_.size());
    const std::size_t nodes = banks_.size();  // no level has more
    const std::size_t size = at(rule.window);
    windows_.push_back({rule.level, index_of(rule.following), rule.latency, size,
                        std::vector<std::int64_t>(nodes * size, kLongAgo),
                        std::vector<std::size_t>(nodes, 0)});
    return;
  }
  std::vector<Consequence>* of_level[] = {&all.bank, &all.group, &all.rank, &all.other_ranks,
                                          &all.channel};
  of_level[static_cast<std::size_t>(rule.level)]->push_back(
      {index_of(rule.following), rule.latency});
}

std::int64_t DramDevice::earliest_of_rank(DramCommand command, std::int64_t rank) const {
  std::int64_t cycle = 0;
  for (std::int64_t b = rank * banks_per_rank_; b < (rank + 1) * banks_per_rank_; ++b) {
    cycle = std::max(cycle, earliest(command, b));
  }
  return cycle;
}

DramDevice::Node& DramDevice::node(TimingLevel level, std::int64_t bank) {
  Bank& b = banks_[at(bank)];
  switch (level) {
    case TimingLevel::kBank:
      return b;
    case TimingLevel::kBankGroup:
      return groups_[at(b.group)];
    case TimingLevel::kRank:
      return ranks_[at(b.rank)];
    default:
      return channel_;
  }
}

void DramDevice::apply_window(Window* window, std::int64_t bank, std::int64_t cycle) {
  const Bank& b = banks_[at(bank)];
  std::size_t n = 0;
  if (window->level == TimingLevel::kBank) n = at(bank);
  if (window->level == TimingLevel::kBankGroup) n = at(b.group);
  if (window->level == TimingLevel::kRank) n = at(b.rank);
  std::size_t& next = window->next[n];
  window->history[n * window->size + next] = cycle;
  next = next + 1 == window->size ? 0 : next + 1;
  std::int64_t& ready = node(window->level, bank).ready[window->following];
  ready = std::max(ready, window->history[n * window->size + next] + window->latency);
}

/// All levels but the bank.
void DramDevice::apply_shared(const Consequences& rules, std::int64_t bank, std::int64_t cycle) {
  const Bank& b = banks_[at(bank)];
  apply(rules.rank, cycle, &ranks_[at(b.rank)]);
  apply(rules.channel, cycle, &channel_);
  if (!rules.other_ranks.empty()) {
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      if (r != at(b.rank)) apply(rules.other_ranks, cycle, &ranks_[r]);
    }
  }
  for (const std::size_t w : rules.windows) apply_window(&windows_[w], bank, cycle);
}

void DramDevice::set_row(std::int64_t bank, std::int64_t row) {
  Bank& b = banks_[at(bank)];
  open_banks_[at(b.rank)] += (row != kClosed ? 1 : 0) - (b.open_row != kClosed ? 1 : 0);
  b.open_row = row;
}

void DramDevice::issue(DramCommand command, std::int64_t bank, std::int64_t row,
                       std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  Bank& b = banks_[at(bank)];
  apply(rules.bank, cycle, &b);
  apply(rules.group, cycle, &groups_[at(b.group)]);
  apply_shared(rules, bank, cycle);
  if (command == DramCommand::kAct) set_row(bank, row);
  if (command == DramCommand::kPre) set_row(bank, kClosed);
}

void DramDevice::issue_to_rank(DramCommand command, std::int64_t rank, std::int64_t cycle) {
  const Consequences& rules = rules_[index_of(command)];
  const std::int64_t first = rank * banks_per_rank_;
  for (std::int64_t b = first; b < first + banks_per_rank_; ++b) {
    apply(rules.bank, cycle, &banks_[at(b)]);
    apply(rules.group, cycle, &groups_[at(banks_[at(b)].group)]);
    if (command == DramCommand::kPreAll) set_row(b, kClosed);
  }
  apply_shared(rules, first, cycle);
}

std::int64_t DramDevice::auto_precharge(std::int64_t bank) {
  Bank& b = banks_[at(bank)];
  const std::int64_t cycle = b.ready[index_of(DramCommand::kPre)];
  apply(rules_[index_of(DramCommand::kPre)].bank, cycle, &b);
  set_row(bank, kClosed);
  return cycle;
}

}  // namespace bitjoule
