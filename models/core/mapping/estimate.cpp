#include "core/mapping/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/mapping/estimate_energy.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/folds.h"
#include "core/mapping/memory_rates.h"
#include "core/mapping/split.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// Of a layer whose estimate is shown, and of those among which a search chooses.
constexpr WalkBudget kRefined{40'000, 4, true, kRefinedSteps};
constexpr WalkBudget kRanked{kRankedAtLeast, 1, false, kRankedSteps, kRankedWarm};
constexpr WalkBudget kRankedLonger{kRankedAtLeast, 1, false, kLongerSteps, kRankedWarm};
// End to end.
constexpr WalkBudget kWalked{std::numeric_limits<std::int64_t>::max(), 1, true};

/// Equal lengths of an axis, and how many there are.
class Lengths {
 public:
  void add(std::int64_t length, std::int64_t count) {
    for (auto& [known, number] : all_)
      if (known == length) return void(number += count);
    all_.emplace_back(length, count);
  }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> all_;
};

Lengths lengths_of(std::int64_t total, std::int64_t piece) {
  Lengths lengths;
  Split(total, piece).each([&](std::int64_t size, std::int64_t n) { lengths.add(size, n); });
  return lengths;
}

/// The pieces of pieces: folds in tiles.
template <class F>
Lengths split_further(const Lengths& tiles, F step) {
  Lengths folds;
  for (const auto& [size, count] : tiles)
    Split(size, step(size)).each([&, tiles_of_size = count](std::int64_t length, std::int64_t n) {
      folds.add(length, n * tiles_of_size);
    });
  return folds;
}

Lengths pixels_of_tiles(const Lowered& l, const Tiling& t) {
  Lengths pixels;
  Split(l.batch, t.batch).each([&](std::int64_t b, std::int64_t nb) {
    Split(l.out_height, t.out_rows).each([&](std::int64_t r, std::int64_t nr) {
      Split(l.out_width, t.out_cols).each([&](std::int64_t c, std::int64_t nc) {
        pixels.add(b * r * c, nb * nr * nc);
      });
    });
  });
  return pixels;
}

/// Folds whose counts depend on their part of k alike.
struct DepthClass {
  std::int64_t k0, k1, count;
  ScaleBits scales;
};

/// The parts of k that the folds of all tiles along it have.
std::vector<DepthClass> depths_of(const MappingProblem& p, const Tiling& t) {
  std::vector<DepthClass> classes;
  const std::int64_t depth = p.layer.extents.k;
  const auto add = [&](std::int64_t k0, std::int64_t k1, std::int64_t count) {
    const ScaleBits scales = fold_scale_bits(p, k0, k1);
    for (DepthClass& c : classes)
      if (c.k1 - c.k0 == k1 - k0 && (c.k0 > 0) == (k0 > 0) && c.scales.weights == scales.weights &&
          c.scales.inputs == scales.inputs)
        return void(c.count += count);
    classes.push_back({k0, k1, count, scales});
  };
  // Without scales, folds of a length are alike but for the first of all.
  const ScaleBits all = fold_scale_bits(p, 0, depth);
  const bool alike = all.weights == 0 && all.inputs == 0;
  for (std::int64_t k = 0; k < depth; k += t.k) {
    const std::int64_t end = std::min(k + t.k, depth), step = fold_k(p, end - k);
    const std::int64_t tiles = alike && k > 0 ? std::max<std::int64_t>(1, (depth - k) / t.k) : 1;
    std::int64_t k0 = k;
    if (alike) {
      const Split folds(end - k, step);
      if (k == 0) add(0, folds.size, 1), k0 += folds.size;
      const std::int64_t whole = (end - k0) / step;
      if (whole > 0) add(k0, k0 + step, whole * tiles);
      k0 += whole * step;
    }
    for (; k0 < end; k0 += step) add(k0, std::min(k0 + step, end), tiles);
    k += (tiles - 1) * t.k;
  }
  return classes;
}

void add_work(const MappingProblem& p, const Tiling& t, TileCounts& counts) {
  const Lowered& l = p.layer;
  const Lengths pixels = pixels_of_tiles(l, t), filters = lengths_of(l.extents.n, t.n);
  const Lengths groups = split_further(lengths_of(l.extents.groups, t.groups),
                                       [&](std::int64_t) { return t.groups_at_once; });
  const Lengths ms = split_further(pixels, [&](std::int64_t size) {
    return fold_extents(p, {size, t.n, t.k}).m;
  });
  const Lengths ns = split_further(filters, [&](std::int64_t size) {
    return fold_extents(p, {t.m(), size, t.k}).n;
  });
  for (const DepthClass& k : depths_of(p, t))
    for (const auto& [m, m_count] : ms)
      for (const auto& [n, n_count] : ns)
        for (const auto& [g, g_count] : groups) {
          FoldJob job;
          job.g1 = g, job.m1 = m, job.n1 = n, job.k0 = k.k0, job.k1 = k.k1;
          shape_fold(p, job);
          MachineCounts some;
          count_fold(p, job, some);
          const std::int64_t folds = g_count * m_count * n_count * k.count;
          counts.work += some *= folds;
          counts.folds += folds;
        }
  for (const auto& [g, g_count] : lengths_of(l.extents.groups, t.groups))
    for (const auto& [m, m_count] : pixels)
      for (const auto& [n, n_count] : filters) {
        MachineCounts some;
        count_output(p, Tile{0, g, 0, 1, 0, 1, 0, m, 0, n, 0, 1}, some);
        counts.work += some *= g_count * m_count * n_count;
      }
}

/// The transfers of a stream, each tile's once: equal ones are counted, not visited.
void add_transfers(const MappingProblem& p, const TileLayout& layout, Stream stream,
                   TileCounts& counts) {
  if (!layout.moves(stream)) return;
  const auto i = static_cast<std::size_t>(stream);
  for (const TileBox& box : layout.boxes(stream)) {
    const Transfer transfer = layout.transfer(stream, box.first);
    const Region& region = transfer.region;
    Copies copies{};
    std::size_t axis = 0;
    std::int64_t tiles = 1;
    for (const auto index : {&TileIndex::g, &TileIndex::b, &TileIndex::r, &TileIndex::c,
                             &TileIndex::n, &TileIndex::k}) {
      Region::Stride& copy = copies[axis++];
      copy.count = box.count.*index;
      tiles *= copy.count;
      if (copy.count == 1) continue;
      TileIndex next = box.first;
      ++(next.*index);
      copy.bits = layout.transfer(stream, next).region.base_bits - region.base_bits;
    }
    const Moved some = moved(region, copies, p.memory.burst_bytes);
    counts.moved[i].bytes += some.bytes;
    counts.moved[i].bursts += some.bursts;
    counts.runs[i] += region.empty() ? 0 : tiles * region.runs();
    MachineCounts buffers;
    if (stream == Stream::kOutputs) {
      StoreOp op;
      op.sram_bits = transfer.sram_bits;
      count_store(p, op, buffers);
    } else {
      LoadOp op;
      op.tensor = tensor_of(stream);
      op.region = region;
      op.sram_bits = transfer.sram_bits;
      op.dequantize = transfer.dequantize;
      count_load(p, op, buffers);
    }
    counts.transfers[i] += buffers *= tiles;
  }
}

/// The memory refreshes itself once in `refresh_cycles`, not before: a short layer sees none, a
/// long one as many as there are whole intervals in it, of which each costs what the layer does not
/// hide.
double with_refreshes(const MemoryPort& m, double without, double each) {
  if (!m.refreshes(without)) return without;
  return without + std::floor(without / (m.refresh_cycles - each)) * each;
}

/// What the layer does not hide of a refresh, as the fluid has it.
double refresh_cost(const MappingProblem& p, const Tiling& t, MemoryRates& rates, double without) {
  const MemoryPort& m = p.memory;
  if (!m.refreshes(without)) return 0;
  const TileLayout layout(p, t);
  RefreshedRates refreshed(m, rates);
  const auto with = static_cast<double>(tile_time(p, t, layout, refreshed).cycles);
  return std::clamp(1 - without / with, 0.0, 1.0) * m.refresh_cycles;
}

/// With refreshes where the layer takes longer than the time between two.
double layer_cycles(const MappingProblem& p, const Tiling& t, MemoryRates& rates, double least) {
  const TileLayout layout(p, t);
  RefreshedRates refreshed(p.memory, rates);
  MemoryRates& all = p.memory.refreshes(least) ? refreshed : rates;
  return static_cast<double>(tile_time(p, t, layout, all, Alike::kNearly).cycles);
}

}  // namespace

Estimator::Estimator(const MappingProblem& problem)
    : Estimator(problem, std::make_shared<EnergyModel>(problem)) {}
Estimator::Estimator(const MappingProblem& problem, std::shared_ptr<EnergyModel> energy)
    : p_(problem), energy_(std::move(energy)), least_time_(problem) {}
Estimator::~Estimator() = default;

TileCounts Estimator::count(const Tiling& tiling) const {
  TileCounts counts;
  const TileLayout layout(p_, tiling);
  for (Stream stream : kStreams) add_transfers(p_, layout, stream, counts);
  add_work(p_, tiling, counts);
  return counts;
}

void Estimator::add_traffic(const Tiling& tiling, const TileCounts& counts,
                            MappingEstimate& e) const {
  const Reuse reuse(p_, tiling);
  e.traffic.burst_bytes = p_.memory.burst_bytes;
  e.counts = counts.work;
  for (Stream stream : kStreams) {
    const auto i = static_cast<std::size_t>(stream);
    TensorTraffic& tensor = e.traffic[tensor_of(stream)];
    const std::int64_t times = reuse.repetitions(stream);
    const Moved& once = counts.moved[i];
    (stream == Stream::kOutputs ? tensor.write_bytes : tensor.read_bytes) += once.bytes * times;
    tensor.bursts += once.bursts * times;
    (stream == Stream::kOutputs ? e.counts.dram_write_bits : e.counts.dram_read_bits) +=
        once.bursts * times * p_.memory.burst_bytes * 8;
    MachineCounts buffers = counts.transfers[i];
    e.counts += buffers *= times;
  }
  add_block_scales(p_.path, e.traffic);
}

/// The first tile is there before the array begins, its last result leaves after it has ended; and
/// when all operands have come, the last tile is still to do.
std::int64_t Estimator::least_cycles(const Tiling& t, const MappingEstimate& e) const {
  const TileLayout layout(p_, t);
  const TripCounts& trips = layout.trips();
  const TileIndex last{trips.groups - 1,   trips.batch - 1, trips.out_rows - 1,
                       trips.out_cols - 1, trips.n - 1,     trips.k - 1};
  const auto bursts = [&](Stream stream, const TileIndex& index) {
    return layout.moves(stream)
               ? bursts_of(layout.transfer(stream, index).region, p_.memory.burst_bytes)
               : 0;
  };
  std::int64_t first = 0;
  for (const Stream stream : kStreams)
    if (stream != Stream::kOutputs) first += bursts(stream, {});
  const std::int64_t stored = bursts(Stream::kOutputs, last);
  const Tile tile = layout.tile(last);
  const std::int64_t batches =
      ceil_div(tile.groups() * tile.m() * tile.n(), p_.machine.output_unit.lanes);
  ArrayTimeline timeline(p_.machine.array.overlap, array_rates(p_, t.groups_at_once));
  FoldWalk(p_).run({1, 1, tile.m(), tile.n(), tile.k(), t.fold_order}, 0, timeline);
  const auto real = [](std::int64_t x) { return static_cast<double>(x); };
  const std::int64_t all = e.traffic.total().bursts;
  const double behind =
      least_time_.around_array(0, real(timeline.end()), real(batches), real(stored));
  return std::llround(std::max(
      {least_time_.memory(real(all)),
       least_time_.around_array(real(first), real(e.array_cycles), real(batches), real(stored)),
       least_time_.memory(real(all - e.traffic[Tensor::kOutputs].bursts)) + behind}));
}

MappingEstimate Estimator::lower_bound(const Tiling& tiling, const TileCounts& counts) const {
  MappingEstimate e;
  add_traffic(tiling, counts, e);
  e.folds = counts.folds;
  e.array_cycles = array_cycles(p_, tiling);
  e.dram_cycles =
      static_cast<std::int64_t>(static_cast<double>(e.moved_bytes()) / p_.memory.bytes_per_cycle);
  e.output_cycles = ceil_div(p_.layer.output_elements(), p_.machine.output_unit.lanes);
  e.cycles = least_cycles(tiling, e);
  e.energy_pj = energy_->price(e);
  return e;
}

MappingEstimate Estimator::estimate(const Tiling& tiling, const TileCounts& counts) const {
  MappingEstimate e = lower_bound(tiling, counts);
  PeakRates rates(p_.memory);
  const double cycles = layer_cycles(p_, tiling, rates, static_cast<double>(e.cycles));
  e.cycles = std::max<std::int64_t>({e.cycles, std::llround(cycles), e.array_cycles + 1});
  e.energy_pj = energy_->price(e);
  return e;
}

void Estimator::refine(const Tiling& tiling, MappingEstimate& e) const {
  if (!p_.memory.sampled) return;
  const TileLayout layout(p_, tiling);
  SampledRates rates(p_, tiling, layout);
  const std::int64_t bursts = e.traffic.total().bursts;
  const WalkedTime walked = walked_time(p_, tiling, layout, bursts, kRefined, rates);
  double cycles = walked.cycles;
  if (!walked.whole) {
    const auto flowing = static_cast<double>(tile_time(p_, tiling, layout, rates).cycles);
    const double each =
        walked.refresh >= 0 ? walked.refresh : refresh_cost(p_, tiling, rates, flowing);
    cycles = with_refreshes(p_.memory, flowing * walked.share, each);
  }
  settle(cycles, walked, e);
}

void Estimator::rank(const Tiling& tiling, MappingEstimate& e) const { retime(tiling, kRanked, e); }

void Estimator::rank_longer(const Tiling& tiling, MappingEstimate& e) const {
  retime(tiling, kRankedLonger, e);
}

void Estimator::walk(const Tiling& tiling, MappingEstimate& e) const { retime(tiling, kWalked, e); }

void Estimator::retime(const Tiling& tiling, const WalkBudget& budget, MappingEstimate& e) const {
  if (!p_.memory.sampled) return;
  const TileLayout layout(p_, tiling);
  PeakRates rates(p_.memory);
  const WalkedTime walked =
      walked_time(p_, tiling, layout, e.traffic.total().bursts, budget, rates);
  settle(walked.whole ? walked.cycles : static_cast<double>(e.cycles) * walked.share, walked, e);
}

/// Takes the time, and what the walk has seen of rows, for what depends on them.
void Estimator::settle(double cycles, const WalkedTime& walked, MappingEstimate& e) const {
  e.cycles = std::max<std::int64_t>(std::llround(cycles), e.array_cycles + 1);
  e.activates = std::llround(static_cast<double>(e.traffic.total().bursts) * walked.activates);
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
