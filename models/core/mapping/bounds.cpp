#include "core/mapping/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/mapping/region.h"
#include "core/mapping/window.h"

namespace bitjoule {
namespace {

constexpr std::size_t kAxisG = at(TileAxis::kGroups), kAxisB = at(TileAxis::kBatch),
                      kAxisR = at(TileAxis::kRows), kAxisC = at(TileAxis::kCols),
                      kAxisN = at(TileAxis::kN), kAxisK = at(TileAxis::kK);

// A sum of doubles may be this share too large.
constexpr double kRounding = 1e-12;

double real(std::int64_t x) { return static_cast<double>(x); }
double whole(double x) { return std::ceil(x - 1e-9); }

std::int64_t words(std::int64_t bits, const BufferConfig& buffer) {
  return ceil_div(bits, buffer.port_width.value);
}

/// Calls f(size, count) for the tiles of one axis.
template <class F>
void each_tile(std::int64_t total, std::int64_t size, F f) {
  f(std::min(size, total), total / std::min(size, total));
  if (size < total && total % size != 0) f(total % size, std::int64_t{1});
}

/// Rows (columns) of the map that a tile's outputs look at, at most.
std::int64_t span(std::int64_t outputs, std::int64_t stride, std::int64_t taps,
                  std::int64_t dilation, bool skips, std::int64_t limit) {
  return std::min(
      limit, skips && taps == 1 ? outputs : (outputs - 1) * stride + (taps - 1) * dilation + 1);
}

/// Rows (columns) of the map that any output looks at through taps t0..t1: at least those of one
/// tap, and without gaps all from the first to the last.
struct MapAxis {
  std::int64_t outputs, stride, pad, dilation, limit;
  std::int64_t of_tap(std::int64_t tap) const {
    const std::int64_t begin = tap * dilation - pad;
    const std::int64_t first = begin < 0 ? ceil_div(-begin, stride) : 0;
    const std::int64_t end =
        begin >= limit ? 0 : std::min(outputs, ceil_div(limit - begin, stride));
    return std::max<std::int64_t>(0, end - first);
  }
  std::int64_t touched(std::int64_t t0, std::int64_t t1) const {
    if (t0 == t1) return of_tap(t0);
    if (dilation == 1 && t1 - t0 + 1 >= stride)
      return std::max<std::int64_t>(0, std::min(limit, (outputs - 1) * stride + t1 - pad + 1) -
                                           std::max<std::int64_t>(0, t0 - pad));
    return std::max(of_tap(t0), of_tap(t1));
  }
};

}  // namespace

/// A box with the least number of tiles along each axis and loop.
struct Bounds::View {
  const Box& box;
  const LoopScheme& scheme;
  std::array<std::int64_t, kAxes> lo{}, hi{};       // sizes
  std::array<std::int64_t, kAxes> least{}, most{};  // tiles
  std::array<std::int64_t, 3> loops{};              // least tiles of m, n, k
  bool apart = false, together = false;  // whether the inputs' k may be, or may not be, cut

  std::int64_t m() const { return lo[kAxisB] * lo[kAxisR] * lo[kAxisC]; }
  bool inside_k(LoopDim dim) const {  // whether a loop runs inside that over k
    for (auto at = scheme.order.rbegin(); *at != LoopDim::kK; ++at)
      if (*at == dim) return true;
    return false;
  }
  /// As Reuse::repetitions, with the least number of tiles: more tiles move no stream less often.
  double repetitions(bool m, bool n, bool k) const {
    const std::array<bool, 3> depends = {m, n, k};
    int loop = 2;
    const auto dim = [&](int i) {
      return static_cast<std::size_t>(scheme.order[static_cast<std::size_t>(i)]);
    };
    while (loop >= 0 && !(depends[dim(loop)] && loops[dim(loop)] > 1)) --loop;
    double times = 1;
    for (--loop; loop >= 0; --loop)
      if (!depends[dim(loop)]) times *= real(loops[dim(loop)]);
    return times;
  }
};

Bounds::Bounds(const MappingProblem& problem, const MappingSpace& space, const EnergyRates& energy)
    : p_(problem),
      space_(space),
      dataflow_(dataflow_of(problem)),
      quanta_(dataflow_.quanta(problem.machine.array, problem.path.macs_per_pe)),
      energy_(energy),
      least_time_(problem) {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const double burst = real(p_.memory.burst_bytes);
  const StorageLayout& weights = p_.path.weights.layout;
  const WeightExtent stored = stored_weights(p_, e.n, e.k);
  weights_ =
      real(main_bytes(weights, region_bytes(weights, e.groups * stored.n, stored.k))) / burst;
  weight_scales_ = real(side_bytes(weights, region_bytes(weights, l.weight_rows(), e.k))) / burst;
  biases_ = real(l.weight_rows() * p_.bias_bits()) / 8 / burst;
  outputs_ = p_.activations == ActivationMemory::kOnChip
                 ? 0
                 : real(main_bits(p_.path.output.layout, e.n)) * real(e.m * e.groups) / 8 / burst;
  // Packing more groups makes no row of what stays wider, nor one of sums that stayed.
  rates_ = array_rates(p_, 1);
  const auto last = [](std::int64_t extent, std::int64_t step) { return (extent - 1) % step + 1; };
  const FoldExtents fold = fold_extents(p_, {e.m, e.n, e.k});
  last_fold_ = {last(e.m, fold.m), last(e.n, fold.n), last(e.k, fold.k)};
  tabulate_axes();
  tabulate_groups();
  tabulate_pixels();
  tabulate_k();
}

void Bounds::tabulate_axes() {
  for (std::size_t a = 0; a < kAxes; ++a) {
    const std::int64_t total = axis_extent(p_, static_cast<TileAxis>(a)).total;
    for (const std::int64_t size : space_.sizes[a]) trips_[a].push_back(ceil_div(total, size));
  }
  const double burst = real(p_.memory.burst_bytes) * 8;
  const BuffersConfig& b = p_.machine.buffers;
  const std::int64_t bits = p_.path.macs_per_pe * weight_read_bits(p_);
  const bool stays = dataflow_.weights_stay(), sums_stay = dataflow_.outputs_stay();
  std::vector<double> runs, folds, weights, sums;
  for (const std::int64_t size : space_.sizes[kAxisN]) {
    double bursts = 0, all = 0, weight_words = 0, sum_words = 0;
    each_tile(p_.layer.extents.n, size, [&](std::int64_t n, std::int64_t count) {
      bursts += real(count) * whole(real(main_bits(p_.path.output.layout, n)) / burst);
      each_tile(n, quanta_.n, [&](std::int64_t cols, std::int64_t folds_of_n) {
        all += real(count * folds_of_n);
        weight_words += real(count * folds_of_n) * (stays ? real(words(cols * bits, b.weight))
                                                          : packed(cols * bits, b.weight));
        sum_words += real(count * folds_of_n) * (sums_stay ? real(words(cols * 32, b.accumulator))
                                                           : packed(cols * 32, b.accumulator));
      });
    });
    runs.push_back(bursts);
    folds.push_back(all);
    weights.push_back(weight_words);
    sums.push_back(sum_words);
  }
  n_weight_words_ = RangeMin(std::move(weights));
  n_sum_words_ = RangeMin(std::move(sums));
  output_runs_ = RangeMin(std::move(runs));
  n_folds_ = RangeMin(std::move(folds));
}

void Bounds::tabulate_pixels() {
  const Lowered& l = p_.layer;
  const auto fetched = [&](std::size_t axis, bool rows) {
    std::vector<double> all;
    for (const std::int64_t size : space_.sizes[axis]) {
      double sum = 0;
      const auto ranges =
          rows ? equal_rows(l, size, 0, l.extents.k) : equal_cols(l, size, 0, l.extents.k);
      for (const TileRange& range : ranges) {
        Tile tile{0, 1, 0, 1, 0, l.out_height, 0, l.out_width, 0, 1, 0, l.extents.k};
        (rows ? tile.r0 : tile.c0) = range.first * size;
        (rows ? tile.r1 : tile.c1) =
            std::min(range.first * size + size, rows ? l.out_height : l.out_width);
        const InputWindow window = input_window(p_, tile, 0, l.extents.k);
        sum += real(range.count * (rows ? window.rows : window.cols));
      }
      all.push_back(sum);
    }
    return RangeMin(std::move(all));
  };
  rows_ = fetched(kAxisR, true);
  cols_ = fetched(kAxisC, false);
  for (const bool all : {false, true}) {
    std::vector<double> rows, cols;
    for (const std::int64_t r : space_.sizes[kAxisR])
      rows.push_back(real(span(r, l.stride_h, all ? l.kernel_h : 1, l.dilation_h, true, l.height)) /
                     real(r));
    for (const std::int64_t c : space_.sizes[kAxisC])
      cols.push_back(real(span(c, l.stride_w, all ? l.kernel_w : 1, l.dilation_w, skips_columns(p_),
                               l.width)) /
                     real(c));
    rows_each_[all ? 1 : 0] = RangeMin(std::move(rows));
    cols_each_[all ? 1 : 0] = RangeMin(std::move(cols));
  }
}

/// Groups of a tile that are on the array at once have the steps of one, at their rate; or each has
/// its own.
void Bounds::tabulate_groups() {
  const std::int64_t alone = p_.layer.extents.groups * rates_.stream_interval;
  std::vector<double> packs, steps;
  for (const std::int64_t size : space_.sizes[kAxisG]) {
    const std::int64_t at_once = std::min(size, space_.most_groups_at_once);
    std::int64_t all = 0;
    each_tile(p_.layer.extents.groups, size, [&](std::int64_t groups, std::int64_t count) {
      all += count * ceil_div(groups, at_once);
    });
    packs.push_back(real(all));
    steps.push_back(real(std::min(alone, all * array_rates(p_, at_once).stream_interval)));
  }
  packs_ = RangeMin(std::move(packs));
  pack_steps_ = RangeMin(std::move(steps));
}

/// Words that a group takes of those that groups side by side fill together, as many as may be.
double Bounds::packed(std::int64_t bits, const BufferConfig& buffer) const {
  const std::int64_t most = space_.most_groups_at_once;
  if (most == 1) return real(words(bits, buffer));
  return std::max(real(bits) / real(buffer.port_width.value), 1 / real(most));
}

void Bounds::tabulate_k() {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const StorageLayout& layout = p_.path.activations.layout;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(e.groups);
  const bool row_major = p_.activation_layout == DramLayout::kRowMajor;
  const MapAxis rows{l.out_height, l.stride_h, l.pad_top, l.dilation_h, l.height};
  const MapAxis cols{l.out_width, l.stride_w, l.pad_left, l.dilation_w, l.width};
  const StorageLayout& weights = p_.path.weights.layout;
  const BuffersConfig& b = p_.machine.buffers;
  const std::int64_t input_bits = p_.path.macs_per_pe * p_.path.activations.code_bits;
  const std::int64_t weight_bits = p_.path.macs_per_pe * weight_read_bits(p_);
  std::vector<double> runs, weight_runs, folds, fold_rows, inputs_read, weights_read;
  for (const std::int64_t size : space_.sizes[kAxisK]) {
    double bursts = 0, weight_bursts = 0, all = 0, lengths = 0, input_words = 0, weight_words = 0;
    each_tile(e.k, size, [&](std::int64_t k, std::int64_t count) {
      const std::int64_t bytes = main_bytes(weights, region_bytes(weights, 1, k));
      weight_bursts += real(count) * whole(real(bytes) * 8 / burst);
      each_tile(k, fold_k(p_, k), [&](std::int64_t chunk, std::int64_t chunks) {
        all += real(count * chunks);
        const std::int64_t length = ceil_div(chunk, p_.path.macs_per_pe);
        lengths += real(count * chunks * length);
        input_words += real(count * chunks) * packed(length * input_bits, b.input);
        weight_words += real(count * chunks) * packed(length * weight_bits, b.weight);
      });
    });
    for (const TileRange& range : equal_channels(l, size)) {
      const std::int64_t k0 = range.first * size, k1 = std::min(k0 + size, e.k);
      const std::int64_t first = k0 / l.channels, last = (k1 - 1) / l.channels;
      const std::int64_t h0 = first / l.kernel_w, h1 = last / l.kernel_w;
      const std::int64_t w0 = h0 == h1 ? first % l.kernel_w : 0;
      const std::int64_t w1 = h0 == h1 ? last % l.kernel_w : l.kernel_w - 1;
      const std::int64_t channels = first == last ? k1 - k0 : l.channels;
      const double bits = real(main_bits(layout, channels));
      const double pixel = row_major && channels < l.channels ? whole(bits / burst) : bits / burst;
      bursts += real(range.count * rows.touched(h0, h1) * cols.touched(w0, w1)) * pixel;
    }
    runs.push_back(bursts * groups * real(l.batch));
    weight_runs.push_back(weight_bursts);
    folds.push_back(all);
    fold_rows.push_back(lengths);
    inputs_read.push_back(input_words);
    weights_read.push_back(weight_words);
  }
  k_input_words_ = RangeMin(std::move(inputs_read));
  k_weight_words_ = RangeMin(std::move(weights_read));
  input_runs_ = RangeMin(std::move(runs));
  weight_runs_ = RangeMin(std::move(weight_runs));
  k_folds_ = RangeMin(std::move(folds));
  k_rows_ = RangeMin(std::move(fold_rows));
}

/// With loops that have one tile, orders are the same: the first in the list stands for them.
bool Bounds::repeats_scheme(const View& v) const {
  const std::array<bool, 3> one = {v.most[kAxisB] * v.most[kAxisR] * v.most[kAxisC] == 1,
                                   v.most[kAxisN] == 1, v.most[kAxisK] == 1};
  if (!one[0] && !one[1] && !one[2]) return false;
  const auto pattern = [&one](const LoopScheme& s) {
    int code = 0;
    for (const LoopDim dim : s.order)
      if (!one[static_cast<std::size_t>(dim)]) code = 4 * code + static_cast<int>(dim) + 1;
    return code;
  };
  for (std::size_t i = 0; i < v.box.scheme; ++i) {
    const LoopScheme& ahead = space_.schemes[i];
    if (ahead.input_full_k == v.scheme.input_full_k && pattern(ahead) == pattern(v.scheme))
      return true;
  }
  return false;
}

/// Whether the smallest tile of the box fits each buffer by itself. A longer k may hold less of the
/// inputs: channels of one kernel position, not parts of two.
bool Bounds::smallest_fits(const View& v) const {
  const BuffersConfig& b = p_.machine.buffers;
  const Tiling smallest = space_.tiling(v.box.scheme, v.lo);
  const TileFootprint f = tile_footprint(p_, smallest);
  const bool one_k = v.box.lo[kAxisK] == v.box.hi[kAxisK];
  return f.weight <= usable(b.weight) && f.scale <= usable(b.scale) &&
         f.output <= usable(b.output) && (!one_k || f.input <= usable(b.input));
}

/// Capacities: the sums, results, inputs and weights of the smallest tile fit, and bound how large
/// the others may be, so that there are so many of them.
bool Bounds::limit_pixels(View& v) const {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const BuffersConfig& b = p_.machine.buffers;
  const bool cut = v.least[kAxisK] > 1;
  const bool all_m = cut && v.inside_k(LoopDim::kM), all_n = cut && v.inside_k(LoopDim::kN);
  const bool may_live = v.most[kAxisK] > 1 && v.scheme.order[2] != LoopDim::kK;
  const double sums = real((may_live ? b.accumulator.capacity : usable(b.accumulator)).value) / 4;
  const double g = real(v.lo[kAxisG]), n = real(v.lo[kAxisN]), k = real(v.lo[kAxisK]);
  // Input pixels: through one tap unless all of k is there.
  const bool all_taps = !v.apart;
  const double channels = all_taps ? real(l.channels) : std::min(k, real(l.channels));
  const double input_bits = real(p_.path.activations.layout.codes.bits);
  const double map_share = rows_each_[all_taps ? 1 : 0](v.box.lo[kAxisR], v.box.hi[kAxisR]) *
                           cols_each_[all_taps ? 1 : 0](v.box.lo[kAxisC], v.box.hi[kAxisC]);
  const double pixels = real(usable(b.input).value) * 8 / (g * channels * input_bits * map_share);
  const double results =
      real(usable(b.output).value) * 8 / (g * real(p_.path.output.layout.codes.bits));
  const double m_most =
      std::floor(std::min({pixels, results / n, sums / (g * (all_n ? real(e.n) : n))}) + 1e-6);
  if (m_most < real(v.m())) return false;
  if (all_m && sums / g < real(e.m) * (all_n ? real(e.n) : n)) return false;
  v.loops[0] = std::max(v.least[kAxisB] * v.least[kAxisR] * v.least[kAxisC],
                        static_cast<std::int64_t>(whole(real(e.m) / m_most)));
  const double weight_bits = real(p_.path.weights.dequantized && p_.machine.dequantizer.placement ==
                                                                     DequantizerPlacement::kDramSide
                                      ? p_.path.mac.operand_bits
                                      : p_.path.weights.layout.codes.bits);
  const double nk = std::floor(real(usable(b.weight).value) * 8 / (g * weight_bits) + 1e-6);
  const WeightExtent stored = stored_weights(p_, v.lo[kAxisN], v.lo[kAxisK]);
  if (nk < real(stored.n * stored.k)) return false;
  const double m = real(v.m());
  const double n_most =
      std::min({nk / k, results / m, sums / (g * (all_m ? real(e.m) : m))}) + 1e-6;
  v.loops[1] =
      std::max(v.least[kAxisN], static_cast<std::int64_t>(whole(real(e.n) / std::floor(n_most))));
  v.loops[2] = std::max(v.least[kAxisK],
                        static_cast<std::int64_t>(whole(real(e.k) / std::floor(nk / n + 1e-6))));
  return true;
}

double Bounds::input_bursts(const View& v) const {
  if (p_.activations == ActivationMemory::kOnChip) return 0;
  const Lowered& l = p_.layer;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(l.extents.groups);
  double once = std::numeric_limits<double>::infinity();
  if (v.together) {
    double pixel = real(main_bits(p_.path.activations.layout, l.channels)) * groups / burst;
    if (l.interleaved_groups && p_.activation_layout == DramLayout::kRowMajor &&
        v.least[kAxisG] > 1)
      pixel = std::max(pixel, real(v.least[kAxisG]));
    once = pixel * real(l.batch) * rows_(v.box.lo[kAxisR], v.box.hi[kAxisR]) *
           cols_(v.box.lo[kAxisC], v.box.hi[kAxisC]) * v.repetitions(true, false, false);
  }
  if (v.apart) {
    const std::size_t last =
        std::min<std::size_t>(v.box.hi[kAxisK], space_.sizes[kAxisK].size() - 1);
    once = std::min(once, input_runs_(v.box.lo[kAxisK], last) * v.repetitions(true, false, true));
  }
  return once;
}

/// Tile after tile each begins with a burst; of rows that are cut, each part has bursts of its own.
double Bounds::weight_bursts(const View& v) const {
  if (p_.weight_layout == DramLayout::kTiled)
    return std::max(weights_, real(v.least[kAxisG] * v.loops[1] * v.loops[2]));
  if (v.least[kAxisK] == 1) return weights_;
  return std::max(weights_,
                  weight_runs_(v.box.lo[kAxisK], v.box.hi[kAxisK]) * real(p_.layer.weight_rows()));
}

double Bounds::output_bursts(const View& v) const {
  if (outputs_ == 0 || p_.activation_layout == DramLayout::kTiled) return outputs_;
  const Lowered& l = p_.layer;
  const double pixels = real(l.extents.m), groups = real(l.extents.groups);
  if (v.least[kAxisN] > 1)
    return std::max(outputs_, output_runs_(v.box.lo[kAxisN], v.box.hi[kAxisN]) * pixels * groups);
  if (l.interleaved_groups && v.least[kAxisG] > 1)
    return std::max(outputs_, real(v.least[kAxisG]) * pixels);
  return outputs_;
}

/// Of the streamed dimension a fold takes all that a tile has.
Bounds::FoldBound Bounds::folds(const View& v) const {
  const LoopDim streamed = dataflow_.streamed();
  FoldBound f{};
  f.m =
      real(streamed == LoopDim::kM ? v.loops[0]
                                   : std::max(ceil_div(p_.layer.extents.m, quanta_.m), v.loops[0]));
  f.n = streamed == LoopDim::kN ? real(v.loops[1]) : n_folds_(v.box.lo[kAxisN], v.box.hi[kAxisN]);
  f.k = k_folds_(v.box.lo[kAxisK], v.box.hi[kAxisK]);
  f.k_rows = k_rows_(v.box.lo[kAxisK], v.box.hi[kAxisK]);
  return f;
}

/// Steps, loads and drains of all folds: none overlaps another of its kind.
double Bounds::array_cycles(const View& v, const FoldBound& f) const {
  const GemmExtents& e = p_.layer.extents;
  const ArrayConfig& array = p_.machine.array;
  const LoopDim streamed = dataflow_.streamed();
  const bool drains = dataflow_.outputs_stay();
  const bool full = array.edge_folds == EdgeFolds::kFull;
  const double steps = streamed == LoopDim::kM   ? real(e.m) * f.n * f.k
                       : streamed == LoopDim::kN ? f.m * real(e.n) * f.k
                                                 : f.m * f.n * f.k_rows;
  const double rows = full     ? f.all() * real(array.rows)
                      : drains ? real(e.m) * f.n * f.k
                               : f.m * f.n * f.k_rows;
  // Groups side by side share steps; of rows they share those that are there anyway.
  const std::size_t g0 = v.box.lo[kAxisG], g1 = v.box.hi[kAxisG];
  const double packs = packs_(g0, g1), all_rows = rows * (full ? packs : real(e.groups));
  const double stream = steps * pack_steps_(g0, g1);
  const double load = drains ? 0 : all_rows * real(rates_.load_interval);
  const double drain = drains ? all_rows * real(rates_.drain_interval) : 0;
  const double skew = full ? f.all() * packs * real(array.rows + array.cols - 2) : 0;
  // The first fold's load is ahead of all steps, the last fold's last row behind them.
  double cycles = std::max(first_load(v) + stream + last_skew(v), load);
  switch (array.overlap) {
    case Overlap::kNone:
      cycles = load + stream + std::max(skew, last_skew(v));
      break;
    case Overlap::kDrain:
      cycles = load + stream + last_skew(v);
      break;
    case Overlap::kWeights:
      cycles = std::max(cycles, first_load(v) + stream + skew);
      break;
    case Overlap::kFull:
      break;
  }
  // The results of the last fold leave when the array is done.
  const double last = real(array.rows) * real(rates_.drain_interval);
  if (array.overlap == Overlap::kDrain || array.overlap == Overlap::kFull)
    cycles = std::max(cycles, drain - last);
  return cycles - 1;
}

double Bounds::first_load(const View& v) const {
  if (dataflow_.outputs_stay()) return 0;
  const std::int64_t rows = p_.machine.array.edge_folds == EdgeFolds::kFull
                                ? p_.machine.array.rows
                                : ceil_div(fold_k(p_, v.lo[kAxisK]), p_.path.macs_per_pe);
  return real(rows * rates_.load_interval);
}

double Bounds::last_skew(const View& v) const {
  const ArrayConfig& array = p_.machine.array;
  if (array.edge_folds == EdgeFolds::kFull) return real(array.rows + array.cols - 2);
  FoldExtents fold{1, 1, 1};
  if (v.most[kAxisB] * v.most[kAxisR] * v.most[kAxisC] == 1) fold.m = last_fold_.m;
  if (v.most[kAxisN] == 1) fold.n = last_fold_.n;
  if (v.most[kAxisK] == 1) fold.k = last_fold_.k;
  const FoldShape shape = dataflow_.shape(fold, p_.path.macs_per_pe);
  return real(shape.rows + shape.cols - 2);
}

/// Of the first tile: its weights, and its inputs where no window reaches beyond the map.
double Bounds::first_bursts(const View& v) const {
  const Lowered& l = p_.layer;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(v.lo[kAxisG]);
  const double weights = real(v.lo[kAxisN] * v.lo[kAxisK] * p_.path.weights.layout.codes.bits);
  double inputs = 0;
  if (p_.activations == ActivationMemory::kDram && l.kernel_h * l.kernel_w == 1 && l.pad_top == 0 &&
      l.pad_left == 0 && (l.out_height - 1) * l.stride_h < l.height &&
      (l.out_width - 1) * l.stride_w < l.width)
    inputs = real(v.m() * (v.apart ? std::min(v.lo[kAxisK], l.channels) : l.channels) *
                  p_.path.activations.layout.codes.bits);
  return whole(groups * weights / burst) + whole(groups * inputs / burst);
}

/// Accesses and operations, each bounded by itself, times what one costs.
double Bounds::energy(const View& v, const FoldBound& f) const {
  if (!p_.prices) return 0;
  const GemmExtents& e = p_.layer.extents;
  const BuffersConfig& b = p_.machine.buffers;
  const double m = real(e.m), n = real(e.n), k = real(e.k), groups = real(e.groups);
  const std::size_t n0 = v.box.lo[kAxisN], n1 = v.box.hi[kAxisN];
  const std::size_t k0 = v.box.lo[kAxisK], k1 = v.box.hi[kAxisK];
  // Words of m side by side: whole ones in every fold, of one group or of several.
  const auto wide_m = [&](double bits, const BufferConfig& buffer, bool stays) {
    const double folds_m = stays ? f.m : f.m / real(space_.most_groups_at_once);
    return std::max(folds_m, m * bits / real(buffer.port_width.value));
  };
  const double macs = real(p_.path.macs_per_pe);
  const double input_words =
      wide_m(macs * real(p_.path.activations.code_bits), b.input, dataflow_.inputs_stay());
  double inputs = 0, weights = 0, sums = 0;
  switch (dataflow_.streamed()) {
    case LoopDim::kM:
      inputs = m * f.n * k_input_words_(k0, k1);
      weights = f.m * f.k_rows * n_weight_words_(n0, n1);
      break;
    case LoopDim::kN:
      inputs = f.n * f.k_rows * input_words;
      weights = f.m * n * k_weight_words_(k0, k1);
      break;
    case LoopDim::kK:
      inputs = f.n * f.k_rows * input_words;
      weights = f.m * f.k_rows * n_weight_words_(n0, n1);
      break;
  }
  sums = dataflow_.streamed() == LoopDim::kN ? n * wide_m(32, b.accumulator, false)
                                             : m * n_sum_words_(n0, n1);
  double energy = energy_.input_read * inputs + energy_.weight_read * weights +
                  energy_.accumulator_write * sums * f.k +
                  energy_.accumulator_read * sums * (f.k - 1) +
                  energy_.accumulate * m * n * (f.k - 1) + energy_.group_result * m * n * f.k +
                  energy_.activation_sum * m * k * f.n + energy_.correction * m * n * f.k +
                  energy_.dequantize_input * m * k * f.n;
  const double weight_fetches = v.repetitions(false, true, true);
  energy += energy_.dequantize_weight * n * k * (dequantizes_at_edge(p_) ? f.m : weight_fetches);
  energy += energy_.weight_write * real(weight_buffer_bytes(p_, e.n, e.k)) * 8 /
            real(b.weight.port_width.value) * weight_fetches;
  return (energy + moves(f)) * groups;
}

Bounds::View Bounds::view(const Box& box) const {
  View v{box, space_.schemes[box.scheme]};
  for (std::size_t a = 0; a < kAxes; ++a) {
    v.lo[a] = space_.sizes[a][box.lo[a]];
    v.hi[a] = space_.sizes[a][box.hi[a]];
    v.least[a] = trips_[a][box.hi[a]];
    v.most[a] = trips_[a][box.lo[a]];
  }
  v.apart = !v.scheme.input_full_k && v.most[kAxisK] > 1;
  v.together = v.scheme.input_full_k || v.least[kAxisK] == 1;
  return v;
}

bool Bounds::may_fit(View& v) const {
  if (v.scheme.input_full_k && v.most[kAxisK] == 1) return false;
  return !repeats_scheme(v) && limit_pixels(v) && smallest_fits(v);
}

bool Bounds::feasible(const Box& box) const {
  View v = view(box);
  return may_fit(v);
}

bool Bounds::feasible(const Box& box, CostBound& bound) const {
  View v = view(box);
  if (!may_fit(v)) return false;
  const bool by_row = p_.path.weights.layout.scales.group == kWholeRow;
  const double outputs = output_bursts(v);
  const double reads = input_bursts(v) + weight_bursts(v) * v.repetitions(false, true, true) +
                       weight_scales_ * v.repetitions(false, true, !by_row) +
                       biases_ * v.repetitions(false, true, false);
  const FoldBound f = folds(v);
  bound.bursts = whole((reads + outputs) * (1 - kRounding));
  bound.cycles = std::max(
      {least_time_.around_array(first_bursts(v), array_cycles(v, f), 1, outputs > 0 ? 1 : 0),
       least_time_.memory(reads + outputs),
       real(p_.layer.output_elements()) / real(p_.machine.output_unit.lanes)});
  bound.cycles = std::round(bound.cycles * (1 - kRounding));
  bound.energy_pj =
      (energy_.fixed + energy(v, f) + reads * energy_.dram_read + outputs * energy_.dram_write +
       std::max(0.0, bound.cycles - energy_.free_cycles) * energy_.cycle) *
      (1 - kRounding);
  return true;
}

}  // namespace bitjoule
