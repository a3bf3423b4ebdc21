#include "core/mapping/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/mapping/estimate_energy.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/memory_rates.h"
#include "core/mapping/real.h"
#include "core/mapping/reuse.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// Of a layer whose estimate is shown.
constexpr WalkBudget kRefined{40'000, 4, true, kRefinedSteps};
// End to end.
constexpr WalkBudget kWalked{std::numeric_limits<std::int64_t>::max(), 1, true};

/// The memory refreshes itself once in `refresh_cycles`, not before: a short layer sees none, a
/// long one as many as there are whole intervals in it, of which each costs what the layer does not
/// hide.
double with_refreshes(const MemoryPort& m, double without, double each) {
  if (!m.refreshes(without)) return without;
  return without + std::floor(without / (m.refresh_cycles - each)) * each;
}

/// What the layer does not hide of a refresh, as the fluid has it.
double refresh_cost(const MappingProblem& p, const Tiling& t, KnownTileSizes& sizes,
                    MemoryRates& rates, double without) {
  const MemoryPort& m = p.memory;
  if (!m.refreshes(without)) return 0;
  const TileLayout layout(p, t);
  RefreshedRates refreshed(m, rates);
  const auto with = static_cast<double>(tile_time(p, t, layout, sizes, refreshed).cycles);
  return std::clamp(1 - without / with, 0.0, 1.0) * m.refresh_cycles;
}

/// With refreshes where the layer takes longer than the time between two.
double layer_cycles(const MappingProblem& p, const Tiling& t, KnownTileSizes& sizes,
                    MemoryRates& rates, double least) {
  const TileLayout layout(p, t);
  RefreshedRates refreshed(p.memory, rates);
  MemoryRates& all = p.memory.refreshes(least) ? refreshed : rates;
  return static_cast<double>(tile_time(p, t, layout, sizes, all, Alike::kNearly).cycles);
}

}  // namespace

Estimator::Estimator(const MappingProblem& problem)
    : Estimator(problem, std::make_shared<EnergyModel>(problem)) {}
Estimator::Estimator(const MappingProblem& problem, std::shared_ptr<EnergyModel> energy)
    : p_(problem), energy_(std::move(energy)), least_time_(problem), sizes_(problem) {}
Estimator::~Estimator() = default;

void Estimator::add_traffic(const Tiling& tiling, const TileCounts& counts,
                            MappingEstimate& e) const {
  const Reuse reuse(p_, tiling);
  e.traffic.burst_bytes = p_.memory.burst_bytes;
  e.counts = counts.work;
  for (Stream stream : kStreams) {
    TensorTraffic& tensor = e.traffic[tensor_of(stream)];
    const std::int64_t times = reuse.repetitions(stream);
    const Moved& once = counts.of(stream).moved;
    (stream == Stream::kOutputs ? tensor.write_bytes : tensor.read_bytes) += once.bytes * times;
    tensor.bursts += once.bursts * times;
    (stream == Stream::kOutputs ? e.counts.dram_write_bits : e.counts.dram_read_bits) +=
        once.bursts * times * p_.memory.burst_bytes * 8;
    counts.of(stream).buffers.add_to(e.counts, times);
  }
  add_block_scales(p_.path, e.traffic);
}

/// The first tile is there before the array begins, its last result leaves after it has ended; and
/// when all operands have come, the last tile is still to do.
std::int64_t Estimator::least_cycles(const Tiling& t, const TileCounts& counts,
                                     const MappingEstimate& e) const {
  const Lowered& l = p_.layer;
  const auto last = [](std::int64_t total, std::int64_t size) { return (total - 1) % size + 1; };
  const std::int64_t m =
      last(l.batch, t.batch) * last(l.out_height, t.out_rows) * last(l.out_width, t.out_cols);
  const std::int64_t n = last(l.extents.n, t.n), k = last(l.extents.k, t.k);
  std::int64_t first = 0;
  for (const Stream stream : kStreams)
    if (stream != Stream::kOutputs) first += counts.of(stream).edge;
  const std::int64_t stored = counts.of(Stream::kOutputs).edge;
  const std::int64_t batches =
      ceil_div(last(l.extents.groups, t.groups) * m * n, p_.machine.output_unit.lanes);
  ArrayTimeline timeline(p_.machine.array.overlap, array_rates(p_, t.groups_at_once));
  FoldWalk(p_).run({1, 1, m, n, k, t.fold_order}, 0, timeline);
  const std::int64_t all = e.traffic.bursts();
  const double behind =
      least_time_.around_array(0, real(timeline.end()), real(batches), real(stored));
  return std::llround(std::max(
      {least_time_.memory(real(all)),
       least_time_.around_array(real(first), real(e.array_cycles), real(batches), real(stored)),
       least_time_.memory(real(all - e.traffic[Tensor::kOutputs].bursts)) + behind}));
}

MappingEstimate Estimator::counted(const Tiling& tiling, const TileCounts& counts,
                                   double least_cycles) const {
  MappingEstimate e;
  add_traffic(tiling, counts, e);
  e.folds = counts.folds;
  e.dram_cycles =
      static_cast<std::int64_t>(static_cast<double>(e.moved_bytes()) / p_.memory.bytes_per_cycle);
  e.output_cycles = ceil_div(p_.layer.output_elements(), p_.machine.output_unit.lanes);
  e.cycles = std::llround(std::max(least_cycles, least_time_.memory(real(e.traffic.bursts()))));
  e.counts_pj = energy_->price(e.counts);
  e.energy_pj = energy_->price(e, e.counts_pj);
  return e;
}

void Estimator::add_array(const Tiling& tiling, const TileCounts& counts,
                          MappingEstimate& e) const {
  e.array_cycles = array_cycles(p_, tiling);
  e.cycles = e.least_cycles = least_cycles(tiling, counts, e);
  e.energy_pj = energy_->price(e, e.counts_pj);
}

void Estimator::add_time(const Tiling& tiling, MappingEstimate& e) const {
  PeakRates rates(p_.memory);
  const double cycles = layer_cycles(p_, tiling, sizes_, rates, static_cast<double>(e.cycles));
  e.cycles = std::max<std::int64_t>({e.cycles, std::llround(cycles), e.array_cycles + 1});
  e.energy_pj = energy_->price(e, e.counts_pj);
}

MappingEstimate Estimator::lower_bound(const Tiling& tiling, const TileCounts& counts) const {
  MappingEstimate e = counted(tiling, counts, 0);
  add_array(tiling, counts, e);
  return e;
}

MappingEstimate Estimator::estimate(const Tiling& tiling, const TileCounts& counts) const {
  MappingEstimate e = lower_bound(tiling, counts);
  add_time(tiling, e);
  return e;
}

void Estimator::refine(const Tiling& tiling, MappingEstimate& e) const {
  if (!p_.memory.sampled) return;
  const std::int64_t bursts = e.traffic.bursts();
  // What the last choice walked from end to end is not walked once more.
  if (e.walked && kRefined.takes_whole(trip_counts(p_.layer, tiling).total(), bursts)) return;
  const TileLayout layout(p_, tiling);
  SampledRates rates(p_, tiling, layout);
  const WalkedTime walked = walked_time(p_, tiling, layout, sizes_, bursts, kRefined, rates);
  double cycles = walked.cycles;
  if (!walked.whole) {
    const auto flowing = static_cast<double>(tile_time(p_, tiling, layout, sizes_, rates).cycles);
    const double each =
        walked.refresh >= 0 ? walked.refresh : refresh_cost(p_, tiling, sizes_, rates, flowing);
    cycles = with_refreshes(p_.memory, flowing * walked.share, each);
  }
  settle(cycles, walked, e);
}

bool Estimator::rank(const Tiling& tiling, std::int64_t steps, MappingEstimate& e,
                     double most) const {
  return retime(tiling, {kRankedAtLeast, 1, false, steps, kRankedWarm}, e, most);
}

bool Estimator::walk(const Tiling& tiling, MappingEstimate& e, double most) const {
  return retime(tiling, kWalked, e, most);
}

bool Estimator::retime(const Tiling& tiling, WalkBudget budget, MappingEstimate& e,
                       double most) const {
  budget.peak = static_cast<double>(e.cycles);
  budget.most = most;
  const TileLayout layout(p_, tiling);
  PeakRates rates(p_.memory);
  const WalkedTime walked =
      walked_time(p_, tiling, layout, sizes_, e.traffic.bursts(), budget, rates);
  settle(walked.whole ? walked.cycles : static_cast<double>(e.cycles) * walked.share, walked, e);
  return !walked.broken_off;
}

/// Takes the time, and what the walk has seen of rows, for what depends on them.
void Estimator::settle(double cycles, const WalkedTime& walked, MappingEstimate& e) const {
  e.cycles = std::max<std::int64_t>(std::llround(cycles), e.array_cycles + 1);
  e.walked = walked.whole;
  e.activates = std::llround(static_cast<double>(e.traffic.bursts()) * walked.activates);
  e.open = walked.open;
  e.energy_pj = energy_->price(e);
}

MappingEstimate estimate(const MappingProblem& problem, const Tiling& tiling) {
  const Estimator estimator(problem);
  MappingEstimate e = estimator.estimate(tiling);
  estimator.refine(tiling, e);
  return e;
}

}  // namespace bitjoule
