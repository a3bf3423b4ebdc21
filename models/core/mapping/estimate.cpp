#include <algorithm>
#include <map>
#include <numeric>

#include "core/mapping/mapper.h"
#include "core/mapping/region.h"

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

/// How often a tensor is fetched in full: every loop outside the innermost one that moves it, and
/// does not move it itself, repeats the whole.
std::int64_t repetitions(const Tiling& t, const TripCounts& trips, bool by_m, bool by_n,
                         bool by_k) {
  const auto moves = [&](LoopDim d) {
    return d == LoopDim::kM ? by_m : d == LoopDim::kN ? by_n : by_k;
  };
  const auto count = [&](LoopDim d) {
    return d == LoopDim::kM ? trips.m() : d == LoopDim::kN ? trips.n : trips.k;
  };
  int innermost = -1;
  for (int i = 0; i < 3; ++i) {
    const LoopDim d = t.order[static_cast<std::size_t>(i)];
    if (moves(d) && count(d) > 1) innermost = i;
  }
  std::int64_t repeats = 1;
  for (int i = 0; i < innermost; ++i) {
    const LoopDim d = t.order[static_cast<std::size_t>(i)];
    if (!moves(d)) repeats *= count(d);
  }
  return repeats;
}

/// Bytes moved for runs of `run` bytes at multiples of `stride` bytes, rounded out to bursts; where
/// runs are not aligned, by their mean.
std::int64_t in_bursts(std::int64_t runs, std::int64_t run, std::int64_t stride,
                       std::int64_t burst) {
  const std::int64_t aligned = std::gcd(stride, burst);
  if (aligned == burst) return runs * ceil_div(run, burst) * burst;
  return runs * (run + burst - aligned);
}

std::int64_t bytes_of(const OperandPath& path, std::int64_t elements) {
  return ceil_div(main_bits(path.layout, elements), 8);
}

/// Of tiles that are contiguous, each from the start of a burst.
std::int64_t tiled_input_bytes(const MappingProblem& p, const Tiling& t, const TripCounts& trips) {
  const Lowered& l = p.layer;
  const auto tile_bytes = [&](std::int64_t elements) {
    return align(bytes_of(p.path.activations, elements), p.memory.burst_bytes);
  };
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < (t.input_full_k ? 1 : trips.k); ++k) {
    const std::int64_t k0 = t.input_full_k ? 0 : k * t.k;
    const std::int64_t k1 = t.input_full_k ? l.extents.k : std::min(k0 + t.k, l.extents.k);
    std::map<std::int64_t, std::int64_t> heights, widths;  // of windows, and how many have them
    std::int64_t channels = 0;
    for (std::int64_t r = 0; r < l.out_height; r += t.out_rows) {
      const Tile tile{0, 1, 0, 1, r, std::min(r + t.out_rows, l.out_height), 0, 1, 0, 1, k0, k1};
      const InputWindow w = input_window(p, tile, k0, k1);
      ++heights[w.rows];
      channels = w.channels();
    }
    for (std::int64_t c = 0; c < l.out_width; c += t.out_cols) {
      const Tile tile{0, 1, 0, 1, 0, 1, c, std::min(c + t.out_cols, l.out_width), 0, 1, k0, k1};
      const InputWindow w = input_window(p, tile, k0, k1);
      ++widths[w.cols];
    }
    Split(l.extents.groups, t.groups).each([&](std::int64_t g, std::int64_t groups) {
      Split(l.batch, t.batch).each([&](std::int64_t b, std::int64_t batches) {
        for (const auto& [h, rows] : heights)
          for (const auto& [w, cols] : widths)
            total += groups * batches * rows * cols * tile_bytes(g * b * h * w * channels);
      });
    });
  }
  return total * repetitions(t, trips, true, false, !t.input_full_k);
}

std::int64_t input_bytes(const MappingProblem& p, const Tiling& t, const TripCounts& trips) {
  if (p.activation_layout == DramLayout::kTiled) return tiled_input_bytes(p, t, trips);
  const Lowered& l = p.layer;
  const std::int64_t pixel = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  const std::int64_t k_tiles = t.input_full_k ? 1 : trips.k;
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < k_tiles; ++k) {
    const std::int64_t k0 = t.input_full_k ? 0 : k * t.k;
    const std::int64_t k1 = t.input_full_k ? l.extents.k : std::min(k0 + t.k, l.extents.k);
    std::int64_t rows = 0, cols = 0, channels = 0;
    bool adjoining = true, side_by_side = true;  // rows of a window; pixels of its rows
    for (std::int64_t r = 0; r < l.out_height; r += t.out_rows) {
      const Tile tile{0, 1, 0, 1, r, std::min(r + t.out_rows, l.out_height), 0, 1, 0, 1, k0, k1};
      const InputWindow w = input_window(p, tile, k0, k1);
      rows += w.rows;
      adjoining = adjoining && w.h_step == 1;
      channels = w.channels();
    }
    for (std::int64_t c = 0; c < l.out_width; c += t.out_cols) {
      const Tile tile{0, 1, 0, 1, 0, 1, c, std::min(c + t.out_cols, l.out_width), 0, 1, k0, k1};
      const InputWindow w = input_window(p, tile, k0, k1);
      cols += w.cols;
      side_by_side = side_by_side && w.w_step == 1;
    }
    const std::int64_t run_channels =
        channels * (l.interleaved_groups ? std::min(t.groups, l.extents.groups) : 1);
    const bool whole_pixels = run_channels == pixel;
    const bool whole_rows = whole_pixels && adjoining && trips.out_cols == 1 && cols == l.width;
    const std::int64_t maps = (l.interleaved_groups ? trips.groups : l.extents.groups) * l.batch;
    if (whole_rows)
      total +=
          in_bursts(maps * trips.out_rows,
                    ceil_div(bytes_of(p.path.activations, rows * l.width * pixel), trips.out_rows),
                    bytes_of(p.path.activations, l.width * pixel), p.memory.burst_bytes);
    else if (whole_pixels && side_by_side)
      total += in_bursts(maps * rows * trips.out_cols,
                         ceil_div(bytes_of(p.path.activations, cols * pixel), trips.out_cols),
                         bytes_of(p.path.activations, pixel), p.memory.burst_bytes);
    else
      total += in_bursts(maps * rows * cols, bytes_of(p.path.activations, run_channels),
                         bytes_of(p.path.activations, pixel), p.memory.burst_bytes);
  }
  return total * repetitions(t, trips, true, false, !t.input_full_k);
}

/// Halos, which are fetched with each tile, left out.
std::int64_t input_scale_bytes(const MappingProblem& p, const Tiling& t, const TripCounts& trips) {
  const Lowered& l = p.layer;
  const StorageLayout& layout = p.path.activations.layout;
  if (layout.interleaved()) return 0;
  const RegionBytes whole = region_bytes(layout, l.input_elements() / l.channels, l.channels);
  const bool by_k = layout.scales.group != kWholeRow && !t.input_full_k;
  return align(side_bytes(layout, whole), p.memory.burst_bytes) *
         repetitions(t, trips, true, false, by_k);
}

std::int64_t tiled_output_bytes(const MappingProblem& p, const Tiling& t) {
  const Lowered& l = p.layer;
  std::int64_t total = 0;
  Split(l.extents.groups, t.groups).each([&](std::int64_t g, std::int64_t ng) {
    Split(l.batch, t.batch).each([&](std::int64_t b, std::int64_t nb) {
      Split(l.out_height, t.out_rows).each([&](std::int64_t r, std::int64_t nr) {
        Split(l.out_width, t.out_cols).each([&](std::int64_t c, std::int64_t nc) {
          Split(l.extents.n, t.n).each([&](std::int64_t n, std::int64_t nn) {
            total += ng * nb * nr * nc * nn *
                     align(bytes_of(p.path.output, g * b * r * c * n), p.memory.burst_bytes);
          });
        });
      });
    });
  });
  return total;
}

std::int64_t output_bytes(const MappingProblem& p, const Tiling& t, const TripCounts& trips) {
  if (p.activation_layout == DramLayout::kTiled) return tiled_output_bytes(p, t);
  const Lowered& l = p.layer;
  const std::int64_t row = l.extents.n * (l.interleaved_groups ? l.extents.groups : 1);
  const std::int64_t run = t.n * (l.interleaved_groups ? t.groups : 1);
  const std::int64_t total = bytes_of(p.path.output, l.output_elements());
  if (run >= row) return ceil_div(total, p.memory.burst_bytes) * p.memory.burst_bytes;
  const std::int64_t runs =
      l.extents.m * trips.n * (l.interleaved_groups ? trips.groups : l.extents.groups);
  return in_bursts(runs, bytes_of(p.path.output, run), bytes_of(p.path.output, row),
                   p.memory.burst_bytes);
}

/// Of all weights once, `whole` bytes without padding.
std::int64_t weight_bytes(const MappingProblem& p, const Tiling& t, const TripCounts& trips,
                          std::int64_t whole) {
  const Lowered& l = p.layer;
  const StorageLayout& layout = p.path.weights.layout;
  const std::int64_t burst = p.memory.burst_bytes;
  const std::int64_t tiles = ceil_div(trips.groups, l.shared_groups) * trips.n * trips.k;
  const WeightExtent tile = stored_weights(p, t.n, t.k);
  if (p.weight_layout == DramLayout::kTiled)
    return std::min(
        whole + tiles * (burst - 1),
        tiles * align(main_bytes(layout, region_bytes(layout, t.groups * tile.n, tile.k)), burst));
  const std::int64_t row = main_bytes(layout, region_bytes(layout, 1, l.extents.k));
  if (trips.k == 1) return in_bursts(tiles, ceil_div(whole, tiles), row * t.n, burst);
  const std::int64_t part = main_bytes(layout, region_bytes(layout, 1, t.k));
  return in_bursts(l.weight_rows() * trips.k, part, std::gcd(row, part), burst);
}

/// Steady-state cycles from one fold to the next.
std::int64_t fold_period(const ArrayConfig& array, const ArrayRates& rates, std::int64_t rows,
                         std::int64_t cols, std::int64_t steps) {
  const bool full = array.edge_folds == EdgeFolds::kFull;
  const std::int64_t r = full ? array.rows : rows, c = full ? array.cols : cols;
  const bool os = array.dataflow == Dataflow::kOutputStationary;
  const std::int64_t load = os ? 0 : r * rates.load_interval;
  const std::int64_t stream = steps * rates.stream_interval;
  const std::int64_t skew = r + c - 2;
  switch (array.overlap) {
    case Overlap::kNone:
      return load + stream + skew;
    case Overlap::kDrain:
      return load + std::max(stream, os ? r * rates.drain_interval : 0);
    case Overlap::kWeights:
      return std::max(stream + skew, load);
    case Overlap::kFull:
      return std::max({stream, load, os ? r * rates.drain_interval : 0});
  }
  return 0;
}

std::int64_t array_cycles(const MappingProblem& p, const Tiling& t, const TripCounts& trips) {
  const Lowered& l = p.layer;
  const ArrayConfig& array = p.machine.array;
  const ArrayRates rates = array_rates(p);
  const std::int64_t macs = p.path.macs_per_pe;
  std::int64_t total = 0;
  const auto folds = [&](std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t tiles) {
    const Split chunks(k, fold_k(p, k));
    chunks.each([&](std::int64_t chunk, std::int64_t count) {
      const std::int64_t k_rows = ceil_div(chunk, macs);
      switch (array.dataflow) {
        case Dataflow::kWeightStationary:
          total += tiles * count * ceil_div(n, array.cols) *
                   fold_period(array, rates, k_rows, std::min(n, array.cols), m);
          break;
        case Dataflow::kOutputStationary:
          total +=
              tiles * count * ceil_div(n, array.cols) * ceil_div(m, array.rows) *
              fold_period(array, rates, std::min(m, array.rows), std::min(n, array.cols), k_rows);
          break;
        case Dataflow::kInputStationary:
          total += tiles * count * ceil_div(m, array.cols) *
                   fold_period(array, rates, k_rows, std::min(m, array.cols), n);
          break;
      }
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
  static_cast<void>(trips);
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

}  // namespace

MappingEstimate estimate(const MappingProblem& p, const Tiling& t) {
  const Lowered& l = p.layer;
  const TripCounts trips = trip_counts(l, t);
  const std::int64_t burst = p.memory.burst_bytes;
  MappingEstimate e;
  const bool from_dram = p.activations == ActivationMemory::kDram;
  if (from_dram) e.input_bytes = input_bytes(p, t, trips);
  const RegionBytes whole = region_bytes(p.path.weights.layout, l.weight_rows(), l.extents.k);
  const std::int64_t repeats = repetitions(t, trips, false, true, true);
  e.weight_bytes = weight_bytes(p, t, trips, stored_weight_bytes(p, t)) * repeats;
  const bool per_row = p.path.weights.layout.scales.group == kWholeRow;
  e.scale_bytes = ceil_div(side_bytes(p.path.weights.layout, whole), burst) * burst *
                  (per_row ? repetitions(t, trips, false, true, false) : repeats);
  e.scale_bytes += input_scale_bytes(p, t, trips);
  e.scale_bytes += ceil_div(l.weight_rows() * p.bias_bits(), 8 * burst) * burst *
                   repetitions(t, trips, false, true, false);
  if (from_dram) e.output_bytes = output_bytes(p, t, trips);
  e.array_cycles = array_cycles(p, t, trips);
  e.dram_cycles = static_cast<std::int64_t>(static_cast<double>(e.traffic()) / bytes_per_cycle(p)) +
                  1 + trips.total() * p.memory.row_cycles;
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
    e.cycles =
        std::max({tiles_done * array + first, e.dram_cycles + p.memory.latency_cycles + array,
                  ceil_div(tiles_done * round, 2) + ceil_div(round, 2), e.output_cycles});
  else
    e.cycles = tiles_done * round;
  return e;
}

}  // namespace bitjoule
