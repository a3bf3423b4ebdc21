#include "core/mapping/tile_layout.h"

#include <algorithm>

namespace bitjoule {
namespace {

std::int64_t groups_in_pixel(const Lowered& l) {
  return l.interleaved_groups ? l.extents.groups : 1;
}

/// The elements of `rows`, one after the other from the start of a tile.
Region contiguous(const Region& rows, std::int64_t begin) {
  return Region::contiguous(begin, ceil_div(rows.bits(), 8));
}

}  // namespace

TileLayout::TileLayout(const MappingProblem& problem, const Tiling& tiling)
    : p_(problem), t_(tiling), trips_(trip_counts(problem.layer, tiling)), reuse_(problem, tiling) {
  place_tensors();
}

Tile TileLayout::tile(const TileIndex& i) const {
  const Lowered& l = p_.layer;
  const auto range = [](std::int64_t index, std::int64_t size, std::int64_t limit,
                        std::int64_t& begin, std::int64_t& end) {
    begin = index * size;
    end = std::min(begin + size, limit);
  };
  Tile tile{};
  range(i.g, t_.groups, l.extents.groups, tile.g0, tile.g1);
  range(i.b, t_.batch, l.batch, tile.b0, tile.b1);
  range(i.r, t_.out_rows, l.out_height, tile.r0, tile.r1);
  range(i.c, t_.out_cols, l.out_width, tile.c0, tile.c1);
  range(i.n, t_.n, l.extents.n, tile.n0, tile.n1);
  range(i.k, t_.k, l.extents.k, tile.k0, tile.k1);
  tile.fold_order = t_.fold_order;
  tile.groups_at_once = t_.groups_at_once;
  return tile;
}

std::int64_t TileLayout::pixel_tile(const TileIndex& i) const {
  return (i.b * trips_.out_rows + i.r) * trips_.out_cols + i.c;
}

TileRanges TileLayout::group_ranges(Stream stream) const {
  const Lowered& l = p_.layer;
  const std::int64_t scale_group = p_.path.activations.layout.scales.group;
  if (stream != Stream::kInputScales || scale_group <= 0 || !l.interleaved_groups ||
      t_.groups * l.channels % scale_group == 0)
    return equal_tiles(l.extents.groups, t_.groups);
  // Groups of channels that share their scales with others: those with the same scales.
  TileRanges ranges;
  ScaleRange last;
  for (std::int64_t g = 0; g < trips_.groups; ++g) {
    const ScaleRange scales = scale_range(p_, tile({g, 0, 0, 0, 0, 0}), 0, l.channels);
    if (g > 0 && scales.first == last.first && scales.count == last.count)
      ++ranges.back().count;
    else
      ranges.push_back({g, 1});
    last = scales;
  }
  return ranges;
}

TileLayout::Boxes TileLayout::boxes(Stream stream) const {
  const Lowered& l = p_.layer;
  const TileRanges one{TileRange{}};
  const bool windows = stream == Stream::kInputs || stream == Stream::kInputScales;
  const auto axis = [&](LoopDim dim, std::int64_t total, std::int64_t size) {
    return reuse_.depends(stream, dim) ? equal_tiles(total, size) : one;
  };
  const TileRanges groups = group_ranges(stream);
  const TileRanges maps = axis(LoopDim::kM, l.batch, t_.batch);
  const TileRanges filters = axis(LoopDim::kN, l.extents.n, t_.n);
  TileRanges ks = axis(LoopDim::kK, l.extents.k, t_.k);
  if (windows && reuse_.depends(stream, LoopDim::kK)) ks = equal_channels(l, t_.k);
  TileRanges rows = axis(LoopDim::kM, l.out_height, t_.out_rows);
  TileRanges cols = axis(LoopDim::kM, l.out_width, t_.out_cols);
  Boxes all;
  for (const TileRange& k : ks) {
    if (windows) {
      const bool whole_k = !reuse_.depends(stream, LoopDim::kK);
      const std::int64_t k0 = whole_k ? 0 : k.first * t_.k;
      const std::int64_t k1 = whole_k ? l.extents.k : std::min(k0 + t_.k, l.extents.k);
      rows = equal_rows(l, t_.out_rows, k0, k1);
      cols = equal_cols(l, t_.out_cols, k0, k1);
    }
    for (const TileRange& g : groups)
      for (const TileRange& b : maps)
        for (const TileRange& r : rows)
          for (const TileRange& c : cols)
            for (const TileRange& n : filters)
              all.push_back({{g.first, b.first, r.first, c.first, n.first, k.first},
                             {g.count, b.count, r.count, c.count, n.count, k.count}});
  }
  return all;
}

void TileLayout::place_tensors() {
  const Lowered& l = p_.layer;
  const StorageLayout& weights = p_.path.weights.layout;
  const StorageLayout& output = p_.path.output.layout;
  const std::int64_t burst = p_.memory.burst_bytes;
  const bool tiled_activations = p_.activation_layout == DramLayout::kTiled;
  std::array<std::int64_t, kStreams.size()> bytes{};

  if (tiled_activations) tile_bytes_[at(Stream::kInputs)] = align(largest_input_tile(), burst);
  const RegionBytes inputs =
      region_bytes(p_.path.activations.layout, l.input_elements() / l.channels, l.channels);
  bytes[at(Stream::kInputs)] = tiled_activations ? trips_.groups * trips_.m() * input_k_tiles() *
                                                       tile_bytes_[at(Stream::kInputs)]
                                                 : main_bytes(p_.path.activations.layout, inputs);
  bytes[at(Stream::kInputScales)] = l.batch * l.height * l.width *
                                    (l.extents.groups / groups_in_pixel(l)) *
                                    input_scale_record_bits(p_) / 8;
  const RegionBytes whole = weight_bytes(p_, l.extents.groups, l.extents.n, l.extents.k);
  const std::int64_t groups = std::min(t_.groups, l.extents.groups);
  const RegionBytes tile =
      weight_bytes(p_, groups, std::min(t_.n, l.extents.n), std::min(t_.k, l.extents.k));
  const WeightExtent stored =
      stored_weights(p_, std::min(t_.n, l.extents.n), std::min(t_.k, l.extents.k));
  tile_bytes_[at(Stream::kWeights)] =
      align(main_bytes(weights, weight_bytes(p_, groups, stored.n, stored.k)), burst);
  tile_bytes_[at(Stream::kWeightScales)] = align(side_bytes(weights, tile), burst);
  const std::int64_t tiles = trips_.groups * trips_.n * trips_.k;
  bytes[at(Stream::kWeights)] = p_.weight_layout == DramLayout::kTiled
                                    ? tiles * tile_bytes_[at(Stream::kWeights)]
                                : p_.kv_page > 0 ? l.extents.groups * group_rows() * row_bytes()
                                                 : main_bytes(weights, whole);
  bytes[at(Stream::kWeightScales)] =
      (reuse_.depends(Stream::kWeightScales, LoopDim::kK) ? tiles : trips_.groups * trips_.n) *
      tile_bytes_[at(Stream::kWeightScales)];
  bytes[at(Stream::kBiases)] = ceil_div(l.weight_rows() * p_.bias_bits(), 8);
  tile_bytes_[at(Stream::kOutputs)] = align(ceil_div(output_rows(this->tile({})).bits(), 8), burst);
  bytes[at(Stream::kOutputs)] =
      tiled_activations ? trips_.groups * trips_.m() * trips_.n * tile_bytes_[at(Stream::kOutputs)]
                        : main_bytes(output, region_bytes(output, l.output_elements() / l.extents.n,
                                                          l.extents.n));

  std::int64_t begin = 0;
  for (Stream stream : kStreams) {
    AddressRange& range = ranges_[at(stream)];
    range = {begin, begin + bytes[at(stream)]};
    begin = align(range.end, tensor_alignment(burst));
    const bool is_input = stream == Stream::kInputs || stream == Stream::kInputScales;
    const bool stays = is_input                     ? inputs_on_chip(p_)
                       : stream == Stream::kOutputs ? outputs_on_chip(p_)
                                                    : false;
    if (stream == Stream::kWeights && p_.kv_page > 0)
      pages_ = Pages::scattered(range.begin, p_.kv_page * row_bytes(), group_rows() / p_.kv_page,
                                l.extents.groups);
    moves_[at(stream)] = bytes[at(stream)] > 0 && !stays;
  }
  footprint_ = Bytes(begin);
}

/// Bytes of the largest tile of the inputs.
std::int64_t TileLayout::largest_input_tile() const {
  std::int64_t bits = 0;
  for (const TileBox& box : boxes(Stream::kInputs))
    bits = std::max(bits, input_rows(tile(box.first)).bits());
  return ceil_div(bits, 8);
}

Transfer TileLayout::transfer(Stream stream, const TileIndex& i) const {
  if (!moves(stream)) return {};
  const Tile tile = this->tile(i);
  const StorageLayout& weights = p_.path.weights.layout;
  const std::int64_t filters = i.g * trips_.n + i.n, pixels = i.g * trips_.m() + pixel_tile(i);
  const auto whole = [](const Region& region) { return Transfer{region, region.bits(), 0}; };
  switch (stream) {
    case Stream::kInputs:
      return activations(stream, input_rows(tile),
                         pixels * input_k_tiles() + (t_.input_full_k ? 0 : i.k));
    case Stream::kInputScales:
      return whole(input_scales(tile));
    case Stream::kWeights: {
      const WeightExtent stored = stored_weights(p_, tile.n(), tile.k());
      const std::int64_t groups = tile.groups();
      Transfer t;
      t.region = p_.weight_layout == DramLayout::kTiled
                     ? Region::contiguous(
                           tile_begin(stream, filters * trips_.k + i.k),
                           main_bytes(weights, weight_bytes(p_, groups, stored.n, stored.k)))
                     : weight_rows(tile);
      t.sram_bits = weight_buffer_bytes(p_, groups, stored.n, stored.k) * 8;
      if (p_.path.weights.dequantized && !dequantizes_at_edge(p_))
        t.dequantize = groups * stored.n * stored.k;
      return t;
    }
    case Stream::kWeightScales:
      return whole(Region::contiguous(
          tile_begin(stream,
                     reuse_.depends(stream, LoopDim::kK) ? filters * trips_.k + i.k : filters),
          side_bytes(weights, weight_bytes(p_, tile.groups(), tile.n(), tile.k()))));
    case Stream::kBiases:
      return whole(bias_rows(tile));
    case Stream::kOutputs:
      break;
  }
  return activations(stream, output_rows(tile), pixels * trips_.n + i.n);
}

Transfer TileLayout::activations(Stream stream, const Region& rows, std::int64_t index) const {
  return {p_.activation_layout == DramLayout::kTiled ? contiguous(rows, tile_begin(stream, index))
                                                     : rows,
          rows.bits(), 0};
}

InputWindow TileLayout::window(const Tile& tile, bool whole_k) const {
  return whole_k ? input_window(p_, tile, 0, p_.layer.extents.k)
                 : input_window(p_, tile, tile.k0, tile.k1);
}

Region TileLayout::input_rows(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.activations.layout;
  const InputWindow w = window(tile, t_.input_full_k);
  const std::int64_t pixel = l.channels * groups_in_pixel(l);
  const std::int64_t row = l.width * pixel, map = l.height * row;
  const std::int64_t group = l.interleaved_groups ? l.channels : l.batch * map;
  Region r;
  r.base_bits =
      ranges_[at(Stream::kInputs)].begin * 8 +
      main_bits(layout, tile.g0 * group + tile.b0 * map + w.h0 * row + w.w0 * pixel + w.c0);
  r.run_bits = main_bits(layout, w.channels());
  const Region::Stride groups{tile.groups(), main_bits(layout, group)};
  const Region::Stride maps{tile.b1 - tile.b0, main_bits(layout, map)};
  const Region::Stride rows{w.rows, main_bits(layout, w.h_step * row)};
  const Region::Stride cols{w.cols, main_bits(layout, w.w_step * pixel)};
  if (l.interleaved_groups)
    r.strides = {maps, rows, cols, groups};
  else
    r.strides = {groups, maps, rows, cols};
  r.merge();
  return r;
}

/// Scales of a pixel lie together, from whole byte to whole byte.
Region TileLayout::input_scales(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const InputWindow w = window(tile, !reuse_.depends(Stream::kInputScales, LoopDim::kK));
  const ScaleRange scales = scale_range(p_, tile, w.c0, w.c1);
  const std::int64_t pixel = input_scale_record_bits(p_);
  const std::int64_t row = l.width * pixel, map = l.height * row;
  const std::int64_t group = l.interleaved_groups ? 0 : l.batch * map;
  Region r;
  r.base_bits = ranges_[at(Stream::kInputScales)].begin * 8 + tile.g0 * group + tile.b0 * map +
                w.h0 * row + w.w0 * pixel +
                scales.first * scale_entry_bits(p_.path.activations.layout);
  r.run_bits = scale_bits(p_.path.activations.layout, scales.count);
  r.strides = {Region::Stride{l.interleaved_groups ? 1 : tile.groups(), group},
               Region::Stride{tile.b1 - tile.b0, map}, Region::Stride{w.rows, w.h_step * row},
               Region::Stride{w.cols, w.w_step * pixel}};
  r.merge();
  return r;
}

/// Rows of weights of a group, whole pages of them.
std::int64_t TileLayout::group_rows() const {
  const Lowered& l = p_.layer;
  return align(l.stored_rows(1, l.extents.n, l.extents.k).rows,
               std::max<std::int64_t>(1, p_.kv_page));
}

std::int64_t TileLayout::row_bytes() const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.weights.layout;
  return main_bytes(layout,
                    region_bytes(layout, 1, l.stored_rows(1, l.extents.n, l.extents.k).length));
}

Region TileLayout::weight_rows(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.weights.layout;
  const RowExtent part = l.stored_rows(1, tile.n(), tile.k());
  const RowExtent first = l.stored_rows(1, tile.n0, tile.k0);
  const std::int64_t row = row_bytes() * 8, group = group_rows() * row;
  Region r;
  r.base_bits = ranges_[at(Stream::kWeights)].begin * 8 + tile.g0 * group + first.rows * row +
                main_bits(layout, first.length);
  r.run_bits = main_bytes(layout, region_bytes(layout, 1, part.length)) * 8;
  r.strides[2] = {tile.groups(), group};
  r.strides[3] = {part.rows, row};
  r.pages = pages_;
  r.merge();
  return r;
}

Region TileLayout::bias_rows(const Tile& tile) const {
  const Lowered& l = p_.layer;
  Region r;
  r.base_bits =
      ranges_[at(Stream::kBiases)].begin * 8 + l.weight_row(tile.g0, tile.n0) * p_.bias_bits();
  r.run_bits = tile.n() * p_.bias_bits();
  r.strides[3] = {tile.groups(), l.extents.n * p_.bias_bits()};
  r.merge();
  return r;
}

Region TileLayout::output_rows(const Tile& tile) const {
  const Lowered& l = p_.layer;
  const StorageLayout& layout = p_.path.output.layout;
  const std::int64_t pixel = l.extents.n * groups_in_pixel(l);
  const std::int64_t row = l.out_width * pixel, map = l.out_height * row;
  const std::int64_t group = l.interleaved_groups ? l.extents.n : l.batch * map;
  Region r;
  r.base_bits = ranges_[at(Stream::kOutputs)].begin * 8 +
                main_bits(layout, tile.g0 * group + tile.b0 * map + tile.r0 * row +
                                      tile.c0 * pixel + tile.n0);
  r.run_bits = main_bits(layout, tile.n());
  const Region::Stride groups{tile.groups(), main_bits(layout, group)};
  const Region::Stride maps{tile.b1 - tile.b0, main_bits(layout, map)};
  const Region::Stride rows{tile.r1 - tile.r0, main_bits(layout, row)};
  const Region::Stride cols{tile.c1 - tile.c0, main_bits(layout, pixel)};
  if (l.interleaved_groups)
    r.strides = {maps, rows, cols, groups};
  else
    r.strides = {groups, maps, rows, cols};
  r.merge();
  return r;
}

}  // namespace bitjoule
