#include "core/mapping/walked_time.h"

#include <algorithm>

#include "core/mapping/dma_fluid.h"
#include "core/mapping/dma_requests.h"
#include "core/mapping/memory_port.h"

namespace bitjoule {
namespace {

// What may be walked, in bursts; a step costs as much as some of them.
constexpr std::int64_t kStepCost = 8;
constexpr std::int64_t kPlaces = 4;
// Of a part at least: until the machine is as always, and then measured.
constexpr std::int64_t kLeastSteps = 6;

}  // namespace

WalkedTime walked_time(const MappingProblem& problem, const Tiling& tiling,
                       const TileLayout& layout, std::int64_t bursts, MemoryRates& rates) {
  constexpr std::int64_t kBudget = 40'000;
  const std::int64_t steps = StepOrder(tiling, layout).total();
  const double step_cost = static_cast<double>(bursts) / static_cast<double>(steps) + kStepCost;
  WalkedTime walked;
  std::int64_t opened = 0, moved = 0;
  const auto walk = [&](const DramConfig& memory, const StepSpan& span) {
    DmaRequests dma(problem, layout, memory);
    const double cycles = span_cycles(problem, tiling, layout, dma, span);
    const DramStats stats = dma.stats();
    opened += stats.commands[static_cast<std::size_t>(DramCommand::kAct)];
    moved += stats.reads + stats.writes;
    return cycles;
  };
  if (step_cost * static_cast<double>(steps) <= static_cast<double>(kBudget)) {
    walked.whole = true;
    walked.cycles = walk(*problem.memory.sampled, {0, 0, steps});
  } else {
    const auto affordable = static_cast<std::int64_t>(static_cast<double>(kBudget) / step_cost);
    const std::int64_t length = std::min(steps, std::max(affordable / kPlaces, kLeastSteps));
    const std::int64_t places = std::clamp<std::int64_t>(affordable / length, 1, kPlaces);
    const DramConfig parts = without_stops(*problem.memory.sampled);
    double real = 0, fluid = 0;
    for (std::int64_t place = 0; place < places; ++place) {
      StepSpan span;
      span.begin = (steps - length) * (2 * place + 1) / (2 * places);
      span.warm = span.begin + std::max<std::int64_t>(2, length / 4);
      span.end = span.begin + length;
      real += walk(parts, span);
      DmaFluid dma(problem, rates);
      fluid += span_cycles(problem, tiling, layout, dma, span);
    }
    if (real > 0 && fluid > 0) walked.share = real / fluid;
  }
  walked.activates =
      static_cast<double>(opened) / static_cast<double>(std::max<std::int64_t>(1, moved));
  return walked;
}

}  // namespace bitjoule
