// What a channel does without a burst: refreshes, and power-down where its controller has it.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

void DramChannel::catch_up(std::int64_t cycle) {
  if (queues_[0].size() + queues_[1].size() > 0) return;
  if (refresh_.interval() == 0 && controller_.power_down == 0) return;
  for (;;) {
    IdleStep first;
    std::int64_t first_rank = 0;
    for (std::int64_t rank = 0; rank < standard_.organization.ranks; ++rank) {
      if (refresh_.due(rank) <= cycle) skip_idle_refreshes(rank, cycle);
      if (controller_.power_down == 0 && refresh_.due(rank) > cycle) continue;
      const IdleStep step = idle_step(rank);
      if (step.cycle >= first.cycle) continue;
      first = step;
      first_rank = rank;
    }
    if (first.cycle > cycle || first.kind == IdleStep::Kind::kNone) return;
    take(first, first_rank);
  }
}

void DramChannel::take(const IdleStep& step, std::int64_t rank) {
  switch (step.kind) {
    case IdleStep::Kind::kRefresh:
      occupy_bus(step.command);
      return issue_refresh(step.command);
    case IdleStep::Kind::kPowerDown:
      return states_of(rank).power_down(step.cycle);
    case IdleStep::Kind::kWake:
      return wake(rank, step.cycle);
    default:
      return;
  }
}

/// A refresh comes before a power-down that could start in the same clock. A rank that is powered
/// down wakes when a refresh is due.
DramChannel::IdleStep DramChannel::idle_step(std::int64_t rank) {
  const RankStates& states = states_of(rank);
  const bool has_refresh = refresh_.interval() > 0;
  IdleStep step;
  if (states.is_down()) {
    if (!has_refresh) return step;
    step.kind = IdleStep::Kind::kWake;
    step.cycle = std::max(refresh_.due(rank), states.down_since() + standard_.power_down_least);
    return step;
  }
  if (has_refresh) {
    step.kind = IdleStep::Kind::kRefresh;
    step.command = refresh_choice(rank);
    step.cycle = step.command.cycle;
  }
  if (controller_.power_down == 0) return step;
  const IdleStep down = power_down_step(rank);
  return down.cycle < step.cycle ? down : step;
}

/// Once no data has moved for long enough: PREA where a bank is open, then power-down.
DramChannel::IdleStep DramChannel::power_down_step(std::int64_t rank) {
  IdleStep step;
  const std::int64_t from = counts_.data_end + controller_.power_down;
  if (device_.open_banks(rank) == 0) {
    step.kind = IdleStep::Kind::kPowerDown;
    step.cycle = std::max({from, bus_free_[0], states_of(rank).quiet_from()});
    return step;
  }
  step.kind = IdleStep::Kind::kRefresh;
  step.command.command = DramCommand::kPreAll;
  step.command.bank = rank * standard_.banks_per_rank;
  step.command.cycle =
      std::max({from, bus_free_[0], device_.earliest_of_rank(DramCommand::kPreAll, rank)});
  step.command.start = step.cycle = step.command.cycle;
  return step;
}

/// Commands wait until the rank has left power-down.
void DramChannel::wake(std::int64_t rank, std::int64_t cycle) {
  states_of(rank).wake(cycle);
  for (std::int64_t& free : bus_free_) free = std::max(free, cycle + standard_.power_down_exit);
}

/// A burst has come, to be served from `cycle` on.
void DramChannel::wake_all(std::int64_t cycle) {
  for (std::int64_t rank = 0; rank < standard_.organization.ranks; ++rank) {
    const RankStates& states = states_of(rank);
    if (states.is_down())
      wake(rank, std::max(cycle, states.down_since() + standard_.power_down_least));
  }
}

/// With every bank closed and the last refresh long over, all but the last refresh due by `cycle`
/// leave no mark but their count, and the time that they take.
void DramChannel::skip_idle_refreshes(std::int64_t rank, std::int64_t cycle) {
  if (trace_ != nullptr || device_.open_banks(rank) > 0) return;
  const std::int64_t interval = refresh_.interval(), due = refresh_.due(rank);
  if (interval == 0) return;
  const std::int64_t skipped = (cycle - due) / interval;
  const DramCommand command = refresh_.per_bank() ? DramCommand::kRefBank : DramCommand::kRefAll;
  const std::int64_t length = standard_.refresh_busy[index_of(command)];
  RankStates& states = states_of(rank);
  const std::int64_t exit = states.is_down() ? standard_.power_down_exit : 0;
  if (skipped <= 0 || refresh_choice(rank).cycle > due + exit) return;
  if (states.quiet_from() > due || length > interval) return;
  if (states.is_down() && (states.down_since() + standard_.power_down_least > due ||
                           exit + length + standard_.power_down_least > interval))
    return;
  if (!states.is_down() && controller_.power_down > 0) return;  // it will be soon
  states.refresh_idle(due, interval, skipped, length, exit);
  counts_.commands[index_of(command)] += skipped;
  refresh_.done(rank, skipped);
}

}  // namespace bitjoule
