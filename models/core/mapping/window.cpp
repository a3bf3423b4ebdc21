#include "core/mapping/window.h"

#include <algorithm>

namespace bitjoule {
namespace {

/// The taps of a window that k0..k1 is about, and the channels where it is about one.
struct Taps {
  std::int64_t h0, h1, w0, w1, c0, c1;
};

Taps taps_of(const Lowered& l, std::int64_t k0, std::int64_t k1) {
  const std::int64_t first = k0 / l.channels, last = (k1 - 1) / l.channels;
  Taps taps{first / l.kernel_w, last / l.kernel_w, 0, l.kernel_w - 1, 0, l.channels};
  if (taps.h0 == taps.h1) taps.w0 = first % l.kernel_w, taps.w1 = last % l.kernel_w;
  if (first == last) taps.c0 = k0 % l.channels, taps.c1 = (k1 - 1) % l.channels + 1;
  return taps;
}

/// What an axis of outputs looks at: output o with its taps at o * stride + begin up to, but
/// without, o * stride + end, of which 0..limit exists.
struct Axis {
  std::int64_t stride, begin, end, limit;
};

Axis rows_of(const Lowered& l, const Taps& taps) {
  return {l.stride_h, taps.h0 * l.dilation_h - l.pad_top, taps.h1 * l.dilation_h - l.pad_top + 1,
          l.height};
}
Axis cols_of(const Lowered& l, const Taps& taps) {
  return {l.stride_w, taps.w0 * l.dilation_w - l.pad_left, taps.w1 * l.dilation_w - l.pad_left + 1,
          l.width};
}

/// Positions along one axis of the map: `begin`, and `count` of them `step` apart.
struct Span {
  std::int64_t begin, count, step;
};

/// What the windows of outputs [first, last) look at inside the map.
Span span(const Axis& axis, std::int64_t first, std::int64_t last, bool skips) {
  Span s{first * axis.stride + axis.begin, 0, skips ? axis.stride : 1};
  const std::int64_t end = std::min((last - 1) * axis.stride + axis.end, axis.limit);
  if (s.begin < 0) s.begin += ceil_div(-s.begin, s.step) * s.step;
  s.begin = std::min(s.begin, axis.limit);
  s.count = std::max<std::int64_t>(0, ceil_div(end - s.begin, s.step));
  return s;
}

/// The first of the tiles 0, 1, ... whose position index * step + at is not below `bound`.
std::int64_t first_not_below(std::int64_t bound, std::int64_t at, std::int64_t step) {
  return bound <= at ? 0 : ceil_div(bound - at, step);
}

/// A tile at the border of the map is a range of its own, those away from it are one.
TileRanges equal_spans(const Axis& axis, std::int64_t outputs, std::int64_t tile) {
  const std::int64_t tiles = ceil_div(outputs, tile), step = tile * axis.stride;
  const std::int64_t tile_end = (tile - 1) * axis.stride + axis.end;  // of the first tile
  const std::int64_t begin = std::min(tiles, first_not_below(1, tile_end, step));
  const std::int64_t end = std::min(tiles, first_not_below(axis.limit, axis.begin, step));
  const std::int64_t whole =
      std::min({end, outputs / tile, first_not_below(axis.limit + 1, tile_end, step)});
  const std::int64_t inside = std::max(begin, first_not_below(0, axis.begin, step));
  TileRanges ranges;
  std::int64_t i = begin;
  for (; i < std::min(inside, end); ++i) ranges.push_back({i, 1});
  if (i < whole) ranges.push_back({i, whole - i}), i = whole;
  for (; i < end; ++i) ranges.push_back({i, 1});
  return ranges;
}

}  // namespace

bool skips_columns(const MappingProblem& p) {
  const Lowered& l = p.layer;
  const std::int64_t pixel = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  return p.activation_layout == DramLayout::kTiled ||
         (l.stride_w - 1) * main_bits(p.path.activations.layout, pixel) >= p.memory.burst_bytes * 8;
}

InputWindow input_window(const MappingProblem& p, const Tile& tile, std::int64_t k0,
                         std::int64_t k1) {
  const Taps taps = taps_of(p.layer, k0, k1);
  const Span rows = span(rows_of(p.layer, taps), tile.r0, tile.r1, taps.h0 == taps.h1);
  const Span cols =
      span(cols_of(p.layer, taps), tile.c0, tile.c1, taps.w0 == taps.w1 && skips_columns(p));
  return {rows.begin, rows.count, rows.step, cols.begin, cols.count, cols.step, taps.c0, taps.c1};
}

TileRanges equal_tiles(std::int64_t total, std::int64_t tile) {
  TileRanges ranges;
  if (total >= tile) ranges.push_back({0, total / tile});
  if (total % tile != 0) ranges.push_back({total / tile, 1});
  return ranges;
}

TileRanges equal_channels(const Lowered& l, std::int64_t tile_k) {
  TileRanges ranges;
  const std::int64_t tiles = ceil_div(l.extents.k, tile_k);
  for (std::int64_t i = 0; i < tiles; i += ranges.back().count) {
    const std::int64_t k0 = i * tile_k, position_end = (k0 / l.channels + 1) * l.channels;
    ranges.push_back({i, std::max<std::int64_t>(1, (position_end - k0) / tile_k)});
  }
  return ranges;
}

TileRanges equal_rows(const Lowered& l, std::int64_t tile, std::int64_t k0, std::int64_t k1) {
  return equal_spans(rows_of(l, taps_of(l, k0, k1)), l.out_height, tile);
}

TileRanges equal_cols(const Lowered& l, std::int64_t tile, std::int64_t k0, std::int64_t k1) {
  return equal_spans(cols_of(l, taps_of(l, k0, k1)), l.out_width, tile);
}

}  // namespace bitjoule
