#include "core/dram/quick.h"

#include <algorithm>

#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kBurstSteps = 64;  // of check_interrupt_after()
constexpr DramCommand kColumn[] = {DramCommand::kRead, DramCommand::kWrite};

/// Clocks that `following` waits after `preceding` at a level, 0 where it does not. Of a rule for
/// the n-th one back, its share.
std::int64_t gap(const DramStandard& standard, DramCommand preceding, DramCommand following,
                 TimingLevel level) {
  std::int64_t most = 0;
  for (const TimingRule& rule : standard.rules[index_of(preceding)])
    if (rule.following == following && rule.level == level)
      most = std::max(most, (rule.latency + rule.window - 1) / rule.window);
  return most;
}

/// Of a power of two.
int exponent_of(std::int64_t size) {
  int log2 = 0;
  while (size >> (log2 + 1) > 0) ++log2;
  return log2;
}

}  // namespace

QuickDram::QuickDram(const CycleDramConfig& config, const DramStandard& standard)
    : standard_(standard),
      controller_(config.controller),
      map_(config.organization, config.mapping),
      decoder_(map_, standard.burst_bytes),
      log2_group_(exponent_of(config.organization.banks_per_group)),
      log2_rank_(exponent_of(standard.banks_per_rank)),
      high_(config.controller.watermarks.high * static_cast<double>(config.controller.write_queue)),
      low_(config.controller.watermarks.low * static_cast<double>(config.controller.write_queue)),
      channels_(static_cast<std::size_t>(config.organization.channels)) {
  const auto between = [&](DramCommand a, DramCommand b, TimingLevel level) {
    return gap(standard, a, b, level);
  };
  using L = TimingLevel;
  for (const std::size_t q : {kReads, kWrites}) {
    to_column_[q] = between(DramCommand::kAct, kColumn[q], L::kBank);
    to_precharge_[q] = between(kColumn[q], DramCommand::kPre, L::kBank);
    for (const std::size_t next : {kReads, kWrites}) {
      const auto of = [&](L level) { return between(kColumn[q], kColumn[next], level); };
      Gaps& g = gaps_[q][next];
      g.rank = std::max(of(L::kRank), of(L::kChannel));
      g.group = std::max({of(L::kBank), of(L::kBankGroup), g.rank});
      g.other_ranks = std::max(of(L::kOtherRanks), of(L::kChannel));
    }
  }
  row_active_ = between(DramCommand::kAct, DramCommand::kPre, L::kBank);
  row_precharge_ = between(DramCommand::kPre, DramCommand::kAct, L::kBank);
  between_activates_ = between(DramCommand::kAct, DramCommand::kAct, L::kRank);
  capacity_ = {controller_.read_queue,
               controller_.unified_queue ? controller_.read_queue : controller_.write_queue};
  for (Channel& c : channels_) {
    c.banks.resize(static_cast<std::size_t>(standard.banks));
    const auto ranks = static_cast<std::size_t>(config.organization.ranks);
    for (const std::size_t q : {kReads, kWrites}) {
      c.group_free[q].resize(ranks * static_cast<std::size_t>(config.organization.bank_groups));
      c.waiting[q].resize(c.group_free[q].size());
      c.rank_free[q].resize(ranks);
    }
    c.activate_free.resize(ranks);
  }
}

std::int64_t QuickDram::offer(const DramRequest& request, std::int64_t cycle) {
  check_interrupt_after(kBurstSteps * (request.bytes / standard_.burst_bytes));
  offered_ = request;
  entered_ = port_ = std::max(port_, cycle);
  if (waiting_.size() <= request.tag) waiting_.resize(request.tag + 1);
  waiting_[request.tag] = {request.bytes / standard_.burst_bytes, 0};
  return push_offered() ? entered_ : kNever;
}

/// Whether all bursts of the offered request are in queues.
bool QuickDram::push_offered() {
  const std::size_t queue = offered_.write ? kWrites : kReads;
  while (offered_.bytes > 0) {
    const DramAddress at = decoder_.decode(offered_.address);
    Channel& c = channels_[static_cast<std::size_t>(at.channel)];
    if (static_cast<std::int64_t>(c.queues[queue].size()) >= capacity_[queue]) return false;
    const std::int64_t entry = c.entered = std::max(port_, c.entered + 1);
    entered_ = std::max(entered_, entry);
    admit(c, queue,
          {entry, static_cast<std::int32_t>(at.row), static_cast<std::int32_t>(at.bank),
           static_cast<std::uint32_t>(offered_.tag)});
    offered_.address += standard_.burst_bytes;
    offered_.bytes -= standard_.burst_bytes;
  }
  return true;
}

void QuickDram::admit(Channel& c, std::size_t queue, const Burst& burst) {
  c.queues[queue].push_back(burst);
  ++c.waiting[queue][group_of(burst)];
  c.chosen = c.chosen && queue_to_serve(c) == c.served;
  Bank& bank = c.banks[static_cast<std::size_t>(burst.bank)];
  if (bank.row == burst.row) {
    ++bank.hits[queue];
  } else if (queue == c.served && bank.hits[queue] == 0) {
    open_row(c, queue, burst, burst.accepted + 1);
  }
  if (c.chosen && queue == c.served) consider(c, c.queues[queue].size() - 1);
}

/// Whether nothing can be moved before it.
bool QuickDram::consider(Channel& c, std::size_t entry) {
  const std::size_t queue = c.served;
  const Burst& burst = c.queues[queue][entry];
  const Bank& bank = c.banks[static_cast<std::size_t>(burst.bank)];
  if (bank.row != burst.row) return false;
  const std::int64_t cycle =
      std::max({burst.accepted + 1, bank.column, c.rank_free[queue][rank_of(burst)],
                c.group_free[queue][group_of(burst)]});
  if (cycle >= c.cycle) return false;
  c.cycle = cycle;
  c.entry = entry;
  return cycle <= c.least;
}

void QuickDram::open_row(Channel& c, std::size_t queue, const Burst& burst, std::int64_t now) {
  Bank& bank = c.banks[static_cast<std::size_t>(burst.bank)];
  std::int64_t& free = c.activate_free[rank_of(burst)];
  std::int64_t at = std::max(now, bank.precharge);
  if (bank.row >= 0) at += row_precharge_;
  at = std::max(at, free);
  if (bank.row < 0) bank.first_opened = at;
  free = at + between_activates_;
  bank.row = burst.row;
  bank.column = at + to_column_[queue];
  bank.precharge = at + row_active_;
  ++stats_.commands[index_of(DramCommand::kAct)];
  for (const std::size_t q : {kReads, kWrites})
    bank.hits[q] = static_cast<std::int32_t>(std::count_if(
        c.queues[q].begin(), c.queues[q].end(),
        [&](const Burst& other) { return other.bank == burst.bank && other.row == burst.row; }));
}

/// For the oldest burst that waits for a bank.
void QuickDram::open_next(Channel& c, std::size_t queue, std::int64_t bank, std::int64_t now) {
  for (const Burst& burst : c.queues[queue])
    if (burst.bank == bank) return open_row(c, queue, burst, std::max(now, burst.accepted + 1));
}

std::size_t QuickDram::queue_to_serve(const Channel& c) const {
  const auto reads = static_cast<std::int64_t>(c.queues[kReads].size());
  const auto writes = static_cast<std::int64_t>(c.queues[kWrites].size());
  if (writes == 0 || reads == 0) return writes == 0 ? kReads : kWrites;
  return static_cast<double>(writes) > (c.draining ? low_ : high_) ? kWrites : kReads;
}

/// The burst that can be moved first; of several the oldest.
void QuickDram::choose(Channel& c) {
  c.chosen = true;
  c.cycle = kNever;
  const std::size_t queue = queue_to_serve(c);
  const std::vector<Burst>& bursts = c.queues[queue];
  if (bursts.empty()) return;
  if (queue != c.served) {
    c.served = queue;
    c.draining = queue == kWrites;
    for (const Burst& burst : bursts)
      if (c.banks[static_cast<std::size_t>(burst.bank)].hits[queue] == 0)
        open_row(c, queue, burst, std::max(c.now, burst.accepted) + 1);
  }
  c.least = kNever;
  for (std::size_t group = 0; group < c.waiting[queue].size(); ++group)
    if (c.waiting[queue][group] > 0) c.least = std::min(c.least, c.group_free[queue][group]);
  c.least =
      std::max(c.least, *std::min_element(c.rank_free[queue].begin(), c.rank_free[queue].end()));
  for (std::size_t i = 0; i < bursts.size(); ++i)
    if (consider(c, i)) return;
}

void QuickDram::issue(Channel& c) {
  const std::size_t queue = c.served;
  std::vector<Burst>& bursts = c.queues[queue];
  const Burst burst = bursts[c.entry];
  bursts.erase(bursts.begin() + static_cast<std::ptrdiff_t>(c.entry));
  --c.waiting[queue][group_of(burst)];
  c.chosen = false;
  c.draining = queue == kWrites;
  const std::int64_t now = c.now = c.cycle;
  const std::size_t rank = rank_of(burst);
  const std::size_t group = group_of(burst);
  for (const std::size_t next : {kReads, kWrites}) {
    const Gaps& g = gaps_[queue][next];
    for (std::size_t r = 0; r < c.rank_free[next].size(); ++r)
      c.rank_free[next][r] =
          std::max(c.rank_free[next][r], now + (r == rank ? g.rank : g.other_ranks));
    c.group_free[next][group] = std::max(c.group_free[next][group], now + g.group);
  }
  Bank& bank = c.banks[static_cast<std::size_t>(burst.bank)];
  bank.precharge = std::max(bank.precharge, now + to_precharge_[queue]);
  if (--bank.hits[queue] == 0) open_next(c, queue, burst.bank, now + 1);
  const bool write = queue == kWrites;
  ++(write ? stats_.writes : stats_.reads);
  const std::int64_t end =
      now + (write ? standard_.write_latency : standard_.read_latency) + standard_.burst_cycles;
  auto& [left, last] = waiting_[burst.tag];
  last = std::max(last, end);
  if (--left == 0) done_.push({last, burst.tag});
  if (offered_.bytes == 0) return;
  port_ = std::max(port_, now);
  if (push_offered()) accepted_at_ = entered_;
}

std::int64_t QuickDram::next() {
  std::int64_t least = std::min(accepted_at_, done_.empty() ? kNever : done_.top().first);
  for (Channel& c : channels_) {
    if (!c.chosen) choose(c);
    least = std::min(least, c.cycle);
  }
  return least;
}

bool QuickDram::advance(std::int64_t limit, DramEvent* event) {
  for (;;) {
    const std::int64_t cycle = next();
    if (cycle >= limit) return false;
    if (accepted_at_ == cycle) {
      *event = {DramEvent::Kind::kAccepted, cycle, offered_.tag};
      accepted_at_ = kNever;
      return true;
    }
    if (!done_.empty() && done_.top().first == cycle) {
      *event = {DramEvent::Kind::kCompleted, cycle, done_.top().second};
      done_.pop();
      return true;
    }
    for (Channel& c : channels_)
      if (c.cycle == cycle) {
        issue(c);
        break;
      }
  }
}

DramStats QuickDram::stats(std::int64_t cycle) {
  DramStats result = stats_;
  result.cycles = cycle;
  for (const Channel& c : channels_)
    for (const Bank& bank : c.banks)
      if (bank.row >= 0)
        result.states.open_banks += std::max<std::int64_t>(0, cycle - bank.first_opened);
  result.states.open =
      cycle * static_cast<std::int64_t>(channels_.size()) * standard_.organization.ranks;
  return result;
}

}  // namespace bitjoule
