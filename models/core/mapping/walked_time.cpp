#include "core/mapping/walked_time.h"

#include <algorithm>
#include <cmath>

#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/memory_port.h"
#include "core/mapping/memory_rates.h"

namespace bitjoule {
namespace {

// A step costs as much as some bursts.
constexpr double kStepCost = 8;
constexpr double kLeastRefreshes = 4;
// Of a part that is walked once: if it lasts so many intervals, as the memory is, with its
// refreshes, which may cost a tiling several times what another pays: streams fall out of step.
constexpr double kRefreshesOfPart = 2.5;

double cost_of_step(std::int64_t steps, std::int64_t bursts) {
  return static_cast<double>(bursts) / static_cast<double>(steps) + kStepCost;
}

/// About so many steps: whole iterations of inner loops, whose steps take turns in what they cost.
std::int64_t whole_iterations(const StepOrder& order, std::int64_t steps) {
  std::int64_t iteration = 1;
  for (std::size_t l = StepOrder::kLoops; l-- > 0;) {
    if (2 * iteration * order.loops()[l].trips > 3 * steps) break;
    iteration *= order.loops()[l].trips;
  }
  return std::max<std::int64_t>(1, (2 * steps + iteration) / (2 * iteration)) * iteration;
}

/// What refreshes would have taken besides if as many had been met as there are on average.
double lucky(const MemoryPort& m, const SpanTime& time) {
  const double met =
      std::floor(time.end / m.refresh_cycles) - std::floor(time.warm / m.refresh_cycles);
  return ((time.end - time.warm) / m.refresh_cycles - met) * m.refresh_lost;
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
  const StepOrder order(tiling, layout);
  const std::int64_t steps = order.total();
  const double step_cost = cost_of_step(steps, bursts);
  WalkedTime walked;
  const MemoryPort& m = problem.memory;
  std::int64_t opened = 0, moved = 0;
  DramStates states;
  const auto walk = [&](const ResolvedDram& memory, const StepSpan& span) {
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
    std::int64_t length = std::min(steps, std::max(affordable / budget.places, budget.least_steps));
    const std::int64_t warm = std::max(budget.least_warm, length / 4);
    if (!budget.refreshes) length = std::min(steps, warm + whole_iterations(order, length - warm));
    const std::int64_t places = std::clamp<std::int64_t>(affordable / length, 1, budget.places);
    const ResolvedDram without = without_stops(m.sampled->config());
    double real = 0, fluid = 0, lost = 0, refreshes = 0;
    RefreshedRates refreshed(m, rates);
    for (std::int64_t place = 0; place < places; ++place) {
      StepSpan span;
      span.begin = (steps - length) * (2 * place + 1) / (2 * places);
      span.warm = span.begin + warm;
      span.end = span.begin + length;
      const auto flow = [&](MemoryRates& by) {
        DmaFluid dma(problem, by);
        return span_time(problem, tiling, layout, dma, span);
      };
      const SpanTime flowing = flow(rates);
      if (!budget.refreshes && m.refresh_cycles > 0 &&
          flowing.end >= kRefreshesOfPart * m.refresh_cycles) {
        const SpanTime time = walk(*m.sampled, span), with = flow(refreshed);
        real += time.end - time.warm + lucky(m, time);
        fluid += with.end - with.warm;
        continue;
      }
      const SpanTime free = walk(without, span);
      real += free.end - free.warm;
      fluid += flowing.end - flowing.warm;
      if (!budget.refreshes || m.refresh_cycles <= 0 || free.end < m.refresh_cycles) continue;
      const double with = walk(*m.sampled, span).end;
      lost += with - free.end;
      refreshes += std::floor(with / m.refresh_cycles);
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
