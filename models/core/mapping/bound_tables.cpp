#include "core/mapping/bound_tables.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/mapping/input_taps.h"
#include "core/mapping/real.h"
#include "core/mapping/region.h"
#include "core/mapping/window.h"

namespace bitjoule {
namespace {

std::int64_t words(std::int64_t bits, const BufferConfig& buffer) {
  return ceil_div(bits, buffer.port_width.value);
}

/// Calls f(size, count) for the tiles of one axis.
template <class F>
void each_tile(std::int64_t total, std::int64_t size, F f) {
  f(std::min(size, total), total / std::min(size, total));
  if (size < total && total % size != 0) f(total % size, std::int64_t{1});
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

BoundTables::BoundTables(const MappingProblem& problem, const MappingSpace& space)
    : p_(problem),
      space_(space),
      dataflow_(dataflow_of(problem)),
      quanta_(dataflow_.quanta(problem.machine.array, problem.path.macs_per_pe)) {
  tabulate_axes();
  tabulate_n();
  tabulate_groups();
  tabulate_pixels();
  tabulate_k();
  tabulate_weight_rows();
}

void BoundTables::tabulate_axes() {
  for (std::size_t a = 0; a < kAxes; ++a) {
    const std::int64_t total = axis_extent(p_, static_cast<TileAxis>(a)).total;
    std::vector<double> lasts = room(a);
    trips[a].reserve(space_.sizes[a].size());
    for (const std::int64_t size : space_.sizes[a]) {
      trips[a].push_back(ceil_div(total, size));
      lasts.push_back(real(total - (trips[a].back() - 1) * size));
    }
    last_size[a] = RangeMin(std::move(lasts));
  }
}

void BoundTables::tabulate_n() {
  const double burst = real(p_.memory.burst_bytes) * 8;
  const BuffersConfig& b = p_.machine.buffers;
  const std::int64_t bits = p_.path.macs_per_pe * weight_read_bits(p_);
  const bool stays = dataflow_.weights_stay(), sums_stay = dataflow_.outputs_stay();
  std::vector<double> runs = room(kAxisN), folds = room(kAxisN), weights = room(kAxisN),
                      sums = room(kAxisN);
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
  n_weight_words = RangeMin(std::move(weights));
  n_sum_words = RangeMin(std::move(sums));
  n_output_bursts = RangeMin(std::move(runs));
  n_folds = RangeMin(std::move(folds));
}

void BoundTables::tabulate_pixels() {
  const Lowered& l = p_.layer;
  const auto fetched = [&](std::size_t axis, bool rows) {
    std::vector<double> all = room(axis);
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
  rows_fetched = fetched(kAxisR, true);
  cols_fetched = fetched(kAxisC, false);
  for (const bool all : {false, true}) {
    std::vector<double> rows = room(kAxisR), cols = room(kAxisC);
    for (const std::int64_t r : space_.sizes[kAxisR])
      rows.push_back(
          real(map_span(r, l.stride_h, all ? l.kernel_h : 1, l.dilation_h, true, l.height)) /
          real(r));
    for (const std::int64_t c : space_.sizes[kAxisC])
      cols.push_back(real(map_span(c, l.stride_w, all ? l.kernel_w : 1, l.dilation_w,
                                   skips_columns(p_), l.width)) /
                     real(c));
    rows_per_output[all ? 1 : 0] = RangeMin(std::move(rows));
    cols_per_output[all ? 1 : 0] = RangeMin(std::move(cols));
  }
}

/// Groups of a tile that are on the array at once have the steps of one, at their rate; or each has
/// its own.
void BoundTables::tabulate_groups() {
  const std::int64_t alone = p_.layer.extents.groups * array_rates(p_, 1).stream_interval;
  std::vector<double> packs = room(kAxisG), steps = room(kAxisG);
  for (const std::int64_t size : space_.sizes[kAxisG]) {
    const std::int64_t at_once = std::min(size, space_.most_groups_at_once);
    std::int64_t all = 0;
    each_tile(p_.layer.extents.groups, size, [&](std::int64_t groups, std::int64_t count) {
      all += count * ceil_div(groups, at_once);
    });
    packs.push_back(real(all));
    steps.push_back(real(std::min(alone, all * array_rates(p_, at_once).stream_interval)));
  }
  group_packs = RangeMin(std::move(packs));
  group_steps = RangeMin(std::move(steps));
}

/// Words that a group takes of those that groups side by side fill together, as many as may be.
double BoundTables::packed(std::int64_t bits, const BufferConfig& buffer) const {
  const std::int64_t most = space_.most_groups_at_once;
  if (most == 1) return real(words(bits, buffer));
  return std::max(real(bits) / real(buffer.port_width.value), 1 / real(most));
}

void BoundTables::tabulate_k() {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const StorageLayout& layout = p_.path.activations.layout;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(e.groups);
  const bool row_major = p_.activation_layout == DramLayout::kRowMajor;
  const MapAxis rows{l.out_height, l.stride_h, l.pad_top, l.dilation_h, l.height};
  const MapAxis cols{l.out_width, l.stride_w, l.pad_left, l.dilation_w, l.width};
  const BuffersConfig& b = p_.machine.buffers;
  const std::int64_t input_bits = p_.path.macs_per_pe * p_.path.activations.code_bits;
  const std::int64_t weight_bits = p_.path.macs_per_pe * weight_read_bits(p_);
  std::vector<double> runs = room(kAxisK), folds = room(kAxisK), fold_rows = room(kAxisK),
                      inputs_read = room(kAxisK), weights_read = room(kAxisK);
  for (const std::int64_t size : space_.sizes[kAxisK]) {
    double bursts = 0, all = 0, lengths = 0, input_words = 0, weight_words = 0;
    each_tile(e.k, size, [&](std::int64_t k, std::int64_t count) {
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
    folds.push_back(all);
    fold_rows.push_back(lengths);
    inputs_read.push_back(input_words);
    weights_read.push_back(weight_words);
  }
  k_input_words = RangeMin(std::move(inputs_read));
  k_weight_words = RangeMin(std::move(weights_read));
  k_input_bursts = RangeMin(std::move(runs));
  k_folds = RangeMin(std::move(folds));
  k_fold_rows = RangeMin(std::move(fold_rows));
}

void BoundTables::tabulate_weight_rows() {
  const StorageLayout& weights = p_.path.weights.layout;
  const double burst = real(p_.memory.burst_bytes);
  const std::size_t along = p_.layer.k_rows ? kAxisN : kAxisK;
  std::vector<double> runs = room(along);
  for (const std::int64_t size : space_.sizes[along]) {
    double bursts = 0;
    each_tile(p_.layer.stored_rows().length, size, [&](std::int64_t length, std::int64_t count) {
      const std::int64_t bytes = main_bytes(weights, region_bytes(weights, 1, length));
      bursts += real(count) * whole(real(bytes) / burst);
    });
    runs.push_back(bursts);
  }
  weight_row_bursts = RangeMin(std::move(runs));
}

}  // namespace bitjoule
