#include <algorithm>

#include "core/mapping/folds.h"
#include "core/mapping/mapper.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule {
namespace {

// From a token to the operation that it starts (docs/timing.md, "Tokens").
constexpr std::int64_t kHandover = 2;

/// Sizes of the tiles along one axis: `count` of `size`, and a shorter last one.
struct Split {
  std::int64_t size, count, rest;
  Split(std::int64_t total, std::int64_t tile)
      : size(std::min(tile, total)), count(total / size), rest(total % size) {}

  template <class F>
  void each(F f) const {
    f(size, count);
    if (rest != 0) f(rest, std::int64_t{1});
  }
};

/// The transfers of a stream, each tile's once: equal ones are counted, not visited.
Moved moved_once(const TileLayout& layout, Stream stream, std::int64_t burst_bytes) {
  Moved all;
  if (!layout.moves(stream)) return all;
  for (const TileBox& box : layout.boxes(stream)) {
    const Region region = layout.transfer(stream, box.first).region;
    Copies copies{};
    std::size_t axis = 0;
    for (const auto index : {&TileIndex::g, &TileIndex::b, &TileIndex::r, &TileIndex::c,
                             &TileIndex::n, &TileIndex::k}) {
      Region::Stride& copy = copies[axis++];
      copy.count = box.count.*index;
      if (copy.count == 1) continue;
      TileIndex next = box.first;
      ++(next.*index);
      copy.bits = layout.transfer(stream, next).region.base_bits - region.base_bits;
    }
    const Moved some = moved(region, copies, burst_bytes);
    all.bytes += some.bytes;
    all.bursts += some.bursts;
  }
  return all;
}

/// Steady-state cycles from one fold to the next.
std::int64_t fold_period(Overlap overlap, const ArrayRates& rates, const Fold& fold) {
  const std::int64_t load = fold.load_rows * rates.load_interval;
  const std::int64_t stream = fold.steps * rates.stream_interval;
  const std::int64_t skew = fold.rows + fold.cols - 2;
  const std::int64_t drain = fold.drains ? rates.drain(fold.rows, true) : 0;
  switch (overlap) {
    case Overlap::kNone:
      return load + stream + skew;
    case Overlap::kDrain:
      return load + std::max(stream, drain);
    case Overlap::kWeights:
      return std::max(stream + skew, load);
    case Overlap::kFull:
      return std::max({stream, load, drain});
  }
  return 0;
}

std::int64_t array_cycles(const MappingProblem& p, const Tiling& t) {
  const Lowered& l = p.layer;
  const ArrayRates rates = array_rates(p);
  std::int64_t total = 0;
  const auto folds = [&](std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t tiles) {
    const FoldExtents fold = fold_extents(p, {m, n, k});
    Split(k, fold.k).each([&](std::int64_t chunk, std::int64_t count) {
      FoldJob job;
      job.m1 = fold.m, job.n1 = fold.n, job.k1 = chunk;
      shape_fold(p, job);
      total += tiles * count * ceil_div(m, fold.m) * ceil_div(n, fold.n) *
               fold_period(p.machine.array.overlap, rates, job.timing);
    });
  };
  Split(l.batch, t.batch).each([&](std::int64_t b, std::int64_t nb) {
    Split(l.out_height, t.out_rows).each([&](std::int64_t r, std::int64_t nr) {
      Split(l.out_width, t.out_cols).each([&](std::int64_t c, std::int64_t nc) {
        Split(l.extents.n, t.n).each([&](std::int64_t n, std::int64_t nn) {
          Split(l.extents.k, t.k).each([&](std::int64_t k, std::int64_t nk) {
            folds(b * r * c, n, k, nb * nr * nc * nn * nk * l.extents.groups);
          });
        });
      });
    });
  });
  return total;
}

/// What DRAM and DMA move at most: the peak rate, the rate of requests, or the window of requests
/// in flight over the latency (Little's law).
double bytes_per_cycle(const MappingProblem& p) {
  const DmaConfig& dma = p.machine.dma;
  const auto request =
      static_cast<double>(dma.bursts_per_request(p.memory.burst_bytes) * p.memory.burst_bytes);
  return std::min({p.memory.bytes_per_cycle, request * static_cast<double>(dma.requests_per_cycle),
                   request * static_cast<double>(dma.outstanding) /
                       static_cast<double>(std::max<std::int64_t>(1, p.memory.latency_cycles))});
}

/// Bound by the DRAM, the fetch of a tile hides the array's work on the one ahead and the way
/// round. That of a shorter last tile of a loop hides less. `dram` and `array` are the means of a
/// tile.
std::int64_t uneven_cycles(const MappingProblem& p, const Tiling& t, std::int64_t dram,
                           std::int64_t array) {
  const Lowered& l = p.layer;
  const std::int64_t tiles = trip_counts(l, t).total();
  std::int64_t cycles = 0;
  const auto add = [&](std::int64_t extent, std::int64_t size) {
    const std::int64_t trips = ceil_div(extent, size), rest = extent % size;
    if (trips == 1 || rest == 0) return;
    const std::int64_t behind =
        p.memory.latency_cycles + 2 * kHandover + array * trips * size / extent;
    cycles += tiles / trips * std::max<std::int64_t>(0, behind - dram * trips * rest / extent);
  };
  add(l.out_height, t.out_rows);
  add(l.out_width, t.out_cols);
  add(l.extents.n, t.n);
  add(l.extents.k, t.k);
  return cycles;
}

}  // namespace

TileCounts count_tiles(const MappingProblem& p, const Tiling& t) {
  TileCounts counts;
  const TileLayout layout(p, t);
  for (Stream stream : kStreams)
    counts.moved[static_cast<std::size_t>(stream)] =
        moved_once(layout, stream, p.memory.burst_bytes);
  counts.array_cycles = array_cycles(p, t);
  return counts;
}

MappingEstimate estimate(const MappingProblem& p, const Tiling& t, const TileCounts& counts) {
  const Lowered& l = p.layer;
  const TripCounts trips = trip_counts(l, t);
  const Reuse reuse(p, t);
  MappingEstimate e;
  e.traffic.burst_bytes = p.memory.burst_bytes;
  for (Stream stream : kStreams) {
    const Moved& once = counts.moved[static_cast<std::size_t>(stream)];
    TensorTraffic& tensor = e.traffic[tensor_of(stream)];
    const std::int64_t times = reuse.repetitions(stream);
    (stream == Stream::kOutputs ? tensor.write_bytes : tensor.read_bytes) += once.bytes * times;
    tensor.bursts += once.bursts * times;
  }
  add_block_scales(p.path, e.traffic);
  e.array_cycles = counts.array_cycles;
  e.dram_cycles =
      static_cast<std::int64_t>(static_cast<double>(e.moved_bytes()) / bytes_per_cycle(p)) + 1 +
      trips.total() * p.memory.row_cycles;
  e.output_cycles = ceil_div(l.output_elements(), p.machine.output_unit.lanes);

  // Bound by the array: only the first operands cannot hide. Bound by the DRAM: only the last
  // tile's work cannot. Bound by the way round: with two halves of a buffer, an access may start
  // when the tile before the last releases its half.
  const std::int64_t tiles_done = trips.total();
  const std::int64_t array = ceil_div(e.array_cycles, tiles_done);
  const std::int64_t dram = ceil_div(e.dram_cycles, tiles_done);
  const std::int64_t round = p.memory.latency_cycles + dram + array + 2 * kHandover;
  const BuffersConfig& b = p.machine.buffers;
  const bool overlapped = b.input.double_buffered && b.weight.double_buffered;
  const std::int64_t first = p.memory.latency_cycles + dram;
  if (overlapped)
    e.cycles = std::max(
        {tiles_done * array + first,
         e.dram_cycles + p.memory.latency_cycles + array + uneven_cycles(p, t, dram, array),
         ceil_div(tiles_done * round, 2) + ceil_div(round, 2), e.output_cycles});
  else
    e.cycles = tiles_done * round;
  return e;
}

MappingEstimate estimate(const MappingProblem& p, const Tiling& t) {
  return estimate(p, t, count_tiles(p, t));
}

}  // namespace bitjoule
