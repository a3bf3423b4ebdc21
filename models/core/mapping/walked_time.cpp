#include "core/mapping/walked_time.h"

#include <algorithm>
#include <cmath>

#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/memory_port.h"

namespace bitjoule {
namespace {

// A step costs as much as some bursts.
constexpr double kStepCost = 8;
constexpr double kLeastRefreshes = 4;

double cost_of_step(std::int64_t steps, std::int64_t bursts) {
  return static_cast<double>(bursts) / static_cast<double>(steps) + kStepCost;
}

}  // namespace

bool WalkBudget::takes_whole(std::int64_t steps, std::int64_t all_bursts) const {
  return 2 * steps <= 3 * least_steps ||
         cost_of_step(steps, all_bursts) * static_cast<double>(steps) <=
             static_cast<double>(bursts);
}

WalkedTime walked_time(const MappingProblem& problem, const Tiling& tiling,
                       const TileLayout& layout, std::int64_t bursts, const WalkBudget& budget,
                       MemoryRates& rates) {
  const std::int64_t steps = StepOrder(tiling, layout).total();
  const double step_cost = cost_of_step(steps, bursts);
  WalkedTime walked;
  const MemoryPort& m = problem.memory;
  std::int64_t opened = 0, moved = 0;
  DramStates states;
  const auto walk = [&](const DramConfig& memory, const StepSpan& span) {
    DmaRequests dma(problem, layout, memory);
    const SpanTime time = span_time(problem, tiling, layout, dma, span);
    const DramStats stats = dma.stats();
    opened += stats.commands[static_cast<std::size_t>(DramCommand::kAct)];
    moved += stats.reads + stats.writes;
    if (m.refresh_cycles <= 0 || &memory == m.sampled.get()) states.add(stats.states, 1);
    return time;
  };
  if (budget.takes_whole(steps, bursts)) {
    walked.whole = true;
    walked.cycles = walk(*problem.memory.sampled, {0, 0, steps}).end;
  } else {
    const auto affordable = static_cast<std::int64_t>(static_cast<double>(budget.bursts) /
                                                      (budget.refreshes ? 2 : 1) / step_cost);
    const std::int64_t length =
        std::min(steps, std::max(affordable / budget.places, budget.least_steps));
    const std::int64_t places = std::clamp<std::int64_t>(affordable / length, 1, budget.places);
    const DramConfig without = without_stops(*m.sampled);
    double real = 0, fluid = 0, lost = 0, refreshes = 0;
    for (std::int64_t place = 0; place < places; ++place) {
      StepSpan span;
      span.begin = (steps - length) * (2 * place + 1) / (2 * places);
      span.warm = span.begin + std::max(budget.least_warm, length / 4);
      span.end = span.begin + length;
      const SpanTime free = walk(without, span);
      real += free.end - free.warm;
      DmaFluid dma(problem, rates);
      const SpanTime flowing = span_time(problem, tiling, layout, dma, span);
      fluid += flowing.end - flowing.warm;
      if (!budget.refreshes || m.refresh_cycles <= 0 || free.end < m.refresh_cycles) continue;
      const double refreshed = walk(*m.sampled, span).end;
      lost += refreshed - free.end;
      refreshes += std::floor(refreshed / m.refresh_cycles);
    }
    if (real > 0 && fluid > 0) walked.share = real / fluid;
    if (refreshes >= kLeastRefreshes) walked.refresh = std::max(0.0, lost / refreshes);
  }
  walked.activates =
      static_cast<double>(opened) / static_cast<double>(std::max<std::int64_t>(1, moved));
  if (const auto clocks = static_cast<double>(states.open + states.closed); clocks > 0)
    walked.open = {static_cast<double>(states.open) / clocks,
                   static_cast<double>(states.open_banks) / clocks};
  return walked;
}

}  // namespace bitjoule
