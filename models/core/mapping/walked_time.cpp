#include "core/mapping/walked_time.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

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

// Of a walk that may be broken off so much has to be behind it. What is left is no faster than the
// memory's peak; of a part's steps, some of whose results may have left ahead of time, at least so
// much of that is left, and of the share that what is behind has taken.
constexpr double kTelling = 0.3, kOfPeak = 0.85, kOfShare = 0.85;

/// A part beside the fluid's, step by step.
class Pace {
 public:
  /// All of `span` is compared but what comes before `warm`.
  explicit Pace(const StepSpan& span) : span_(span) {}

  /// To be broken off by the share of the fluid's time, which ends at `end`. Of what has
  /// passed so much may be a refresh, which come now and then.
  void race(double most, double end, double early) { most_ = most, end_ = end, early_ = early; }
  /// For the fluid, which goes first; and for the walk.
  StepWatch noting() {
    fluid_.clear();
    return [this](std::int64_t, double at) {
      fluid_.push_back(at);
      return true;
    };
  }
  StepWatch racing() {
    if (!std::isfinite(most_)) return {};
    return [this](std::int64_t step, double at) { return goes_on(step, at); };
  }
  bool lost() const { return share_ > 0; }
  /// Of what has lost: of the fluid's time, as far as it came.
  double share() const { return share_; }

 private:
  bool goes_on(std::int64_t step, double at) {
    const auto walked = static_cast<std::size_t>(step - span_.begin - 1);
    if (walked >= fluid_.size()) return true;
    const double flowing = fluid_[walked];
    if (step == span_.warm) begin_ = at, fluid_begin_ = flowing;
    const double all = end_ - fluid_begin_, done = flowing - fluid_begin_;
    if (step <= span_.warm || done < kTelling * all) return true;
    const double share = (at - begin_ - early_) / done;
    const double least = (done * share + (all - done) * std::max(kOfPeak, kOfShare * share)) / all;
    if (least <= most_) return true;
    share_ = std::max(share, least);
    return false;
  }

  const StepSpan span_;
  double most_ = std::numeric_limits<double>::infinity(), end_ = 0, early_ = 0;
  std::vector<double> fluid_;  // by step
  double begin_ = 0, fluid_begin_ = 0, share_ = 0;
};

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
                       const TileLayout& layout, KnownTileSizes& sizes, std::int64_t bursts,
                       const WalkBudget& budget, MemoryRates& rates) {
  const StepOrder order(tiling, layout);
  const std::int64_t steps = order.total();
  const double step_cost = cost_of_step(steps, bursts);
  WalkedTime walked;
  const MemoryPort& m = problem.memory;
  std::int64_t opened = 0, moved = 0;
  DramStates states;
  const auto walk_with = [&](DmaRequests& dma, const ResolvedDram& memory, const StepSpan& span,
                             const StepWatch& watch) {
    const SpanTime time = span_time(problem, tiling, layout, sizes, dma, span, watch);
    const DramStats stats = dma.stats();
    opened += stats.commands[static_cast<std::size_t>(DramCommand::kAct)];
    moved += stats.reads + stats.writes;
    if (m.refresh_cycles <= 0 || &memory == m.sampled.get()) states.add(stats.states, 1);
    return time;
  };
  const auto walk = [&](const ResolvedDram& memory, const StepSpan& span, Pace& pace) {
    DmaRequests dma(problem, layout, memory);
    const SpanTime time = walk_with(dma, memory, span, pace.racing());
    if (pace.lost()) walked.broken_off = true, walked.share = pace.share();
    return time;
  };
  const auto flow = [&](MemoryRates& by, const StepSpan& span, Pace& pace) {
    DmaFluid dma(problem, by);
    return span_time(problem, tiling, layout, sizes, dma, span, pace.noting());
  };
  if (budget.takes_whole(steps, bursts)) {
    DmaRequests dma(problem, layout, *m.sampled);
    const double burst = PeakRates(m).burst_cycles(0);
    const auto goes_on = [&](std::int64_t, double at) {
      const auto taken = static_cast<double>(dma.taken()), now = static_cast<double>(dma.now());
      const double left = static_cast<double>(bursts) - taken;
      double end = std::max(at, now + left * burst);
      if (taken >= kTelling * (taken + left))
        end = std::max(end, now + left * kOfShare * (now - m.refresh_lost) / taken);
      walked.broken_off = end > budget.most;
      return !walked.broken_off;
    };
    walked.cycles = walk_with(dma, *m.sampled, {0, 0, steps}, goes_on).end;
    walked.whole = !walked.broken_off;
    if (walked.broken_off)
      walked.share =
          std::max(budget.most, static_cast<double>(dma.now() * bursts) /
                                    static_cast<double>(std::max<std::int64_t>(1, dma.taken()))) /
          budget.peak;
  } else {
    const auto affordable = static_cast<std::int64_t>(static_cast<double>(budget.bursts) /
                                                      (budget.refreshes ? 2 : 1) / step_cost);
    std::int64_t length = std::min(steps, std::max(affordable / budget.places, budget.least_steps));
    const std::int64_t warm = std::max(budget.least_warm, length / 4);
    if (!budget.refreshes) length = std::min(steps, warm + whole_iterations(order, length - warm));
    const std::int64_t places = std::clamp<std::int64_t>(affordable / length, 1, budget.places);
    std::optional<ResolvedDram> without;  // of refreshes: made where a part is too short for them
    double real = 0, fluid = 0, lost = 0, refreshes = 0;
    RefreshedRates refreshed(m, rates);
    for (std::int64_t place = 0; place < places; ++place) {
      StepSpan span;
      span.begin = (steps - length) * (2 * place + 1) / (2 * places);
      span.warm = span.begin + warm;
      span.end = span.begin + length;
      Pace pace(span);
      const SpanTime flowing = flow(rates, span, pace);
      if (!budget.refreshes && m.refresh_cycles > 0 &&
          flowing.end >= kRefreshesOfPart * m.refresh_cycles) {
        const SpanTime with = flow(refreshed, span, pace);
        pace.race(budget.most / budget.peak, with.end, m.refresh_lost);
        const SpanTime time = walk(*m.sampled, span, pace);
        real += time.end - time.warm + lucky(m, time);
        fluid += with.end - with.warm;
        continue;
      }
      pace.race(budget.most / budget.peak, flowing.end, 0);
      if (!without) without.emplace(without_stops(m.sampled->config()));
      const SpanTime free = walk(*without, span, pace);
      real += free.end - free.warm;
      fluid += flowing.end - flowing.warm;
      if (!budget.refreshes || m.refresh_cycles <= 0 || free.end < m.refresh_cycles) continue;
      const double with = walk(*m.sampled, span, pace).end;
      lost += with - free.end;
      refreshes += std::floor(with / m.refresh_cycles);
    }
    if (real > 0 && fluid > 0 && !walked.broken_off) walked.share = real / fluid;
    if (refreshes >= kLeastRefreshes) walked.refresh = std::max(0.0, lost / refreshes);
  }
  walked.activates =
      static_cast<double>(opened) / static_cast<double>(std::max<std::int64_t>(1, moved));
  if (const auto clocks = static_cast<double>(states.open + states.closed); clocks > 0)
    walked.open = {static_cast<double>(states.open) / clocks,
                   static_cast<double>(states.open_banks) / clocks};
  return walked;
}

std::int64_t least_walked(const MemoryPort& m, std::int64_t least_at_peak) {
  constexpr double kRounding = 2;  // to edges of two clocks
  const auto least = static_cast<double>(least_at_peak);
  if (m.refreshes(least)) return 0;
  const double opening = static_cast<double>(m.row_cycles - 1);  // of a closed bank, rounded up
  const double closing = std::max(0.0, m.open_latency - opening);
  return static_cast<std::int64_t>(std::max(0.0, least - closing - kRounding));
}

}  // namespace bitjoule
