#include "core/mapping/tiling.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/input_scales.h"
#include "core/mapping/input_taps.h"
#include "core/mapping/region.h"
#include "core/mapping/tile_bytes.h"
#include "core/mapping/window.h"

namespace bitjoule {
namespace {

std::int64_t bits_to_bytes(std::int64_t bits) { return ceil_div(bits, 8); }

/// Of the largest tile's tokens (pixels of one group), whose scales are whole for any part of k.
std::int64_t input_scale_sram_bytes(const MappingProblem& p, const Tiling& t) {
  const Lowered& l = p.layer;
  const std::int64_t pixels =
      map_span(t.out_rows, l.stride_h, l.kernel_h, l.dilation_h, false, l.height) *
      map_span(t.out_cols, l.stride_w, l.kernel_w, l.dilation_w, false, l.width);
  return bits_to_bytes(input_scale_buffer_bits(p, t.batch * pixels, t.groups));
}

}  // namespace

std::int64_t buffer_bytes(const StorageLayout& layout, std::int64_t elements) {
  return layout.interleaved() ? ceil_div(elements, layout.block_elements) * layout.block_bytes
                              : bits_to_bytes(elements * layout.codes.bits);
}

RegionBytes weight_bytes(const MappingProblem& p, std::int64_t groups, std::int64_t n,
                         std::int64_t k) {
  const RowExtent rows = p.layer.stored_rows(groups, n, k);
  return region_bytes(p.path.weights.layout, rows.rows, rows.length);
}

std::int64_t parameter_bytes(const MappingProblem& p, std::int64_t groups, std::int64_t n,
                             std::int64_t k) {
  return weight_bytes(p, groups, n, k).parameters() + bits_to_bytes(groups * n * p.bias_bits());
}

WeightExtent stored_weights(const MappingProblem& p, std::int64_t n, std::int64_t k) {
  if (p.machine.array.weight_tiles == WeightTiles::kExact) return {n, k};
  const ArrayDataflow& dataflow = dataflow_of(p);
  const FoldExtents quanta = dataflow.quanta(p.machine.array, p.path.macs_per_pe);
  const std::int64_t whole = region_alignment(p.path.weights.layout);
  if (!dataflow.inputs_stay()) n = align(n, std::lcm(quanta.n, p.layer.k_rows ? whole : 1));
  if (!dataflow.outputs_stay()) k = align(k, std::lcm(quanta.k, p.layer.k_rows ? 1 : whole));
  return {n, k};
}

std::int64_t weight_buffer_bytes(const MappingProblem& p, std::int64_t groups, std::int64_t n,
                                 std::int64_t k) {
  if (p.path.weights.dequantized &&
      p.machine.dequantizer.placement == DequantizerPlacement::kDramSide)
    return bits_to_bytes(groups * n * k * p.path.mac.operand_bits);
  return weight_bytes(p, groups, n, k).codes;
}

bool integer_bias(const DataPath& path) {
  return path.mac.is_integer && path.scale_group == 0 &&
         path.output.layout.format->cls == FormatClass::kInteger;
}

std::string order_name(const std::array<LoopDim, 3>& order) {
  std::string name;
  for (LoopDim dim : order) {
    if (!name.empty()) name += ", ";
    name += "mnk"[static_cast<std::size_t>(dim)];
  }
  return name;
}

void check_layer_formats(const MappingProblem& p) {
  const Lowered& l = p.layer;
  if (p.machine.array.weight_tiles == WeightTiles::kPadded && p.weight_layout != DramLayout::kTiled)
    throw input_error(
        "mapping.weight_layout: expected tiled, as accelerator.array.weight_tiles is padded: whole "
        "tiles stand one after the other");
  const StorageField& scales = p.path.activations.layout.scales;
  const bool window = l.kernel_h * l.kernel_w > 1;
  if (p.path.mac.is_integer && window && scales.present() && scales.group != kWholeTensor)
    throw input_error(
        "precision.activations: a convolution window sums over pixels, whose scales must be one "
        "for "
        "an integer MAC; use granularity per_tensor, or a float MAC");
  const auto check_rows = [](const char* what, const StorageLayout& layout, std::int64_t k) {
    if (layout.interleaved() && k % layout.block_elements != 0)
      throw input_error(
          fmt::format("precision.{}: {} stores blocks of {} elements along a row, which has {}",
                      what, layout.format->name, layout.block_elements, k));
  };
  // A tile may hold some of the groups: a block may not lie across two.
  const auto check_groups = [&l](const char* what, const StorageLayout& layout,
                                 std::int64_t channels) {
    if (l.interleaved_groups && l.extents.groups > 1 && layout.interleaved() &&
        channels % layout.block_elements != 0)
      throw input_error(fmt::format(
          "precision.{}: {} stores blocks of {} channels, a group of the convolution has {}", what,
          layout.format->name, layout.block_elements, channels));
  };
  check_groups("activations", p.path.activations.layout, l.channels);
  check_groups("output", p.path.output.layout, l.extents.n);
  check_rows("weights", p.path.weights.layout, l.stored_rows().length);
  check_rows("activations", p.path.activations.layout,
             l.channels * (l.interleaved_groups ? l.extents.groups : 1));
  check_rows("output", p.path.output.layout, l.result_row());
}

std::string tile_name(const Tile& t) {
  return fmt::format("g{} b{} row{} col{} n{} k{}", t.g0, t.b0, t.r0, t.c0, t.n0, t.k0);
}

TripCounts trip_counts(const Lowered& l, const Tiling& t) {
  return {ceil_div(l.extents.groups, t.groups), ceil_div(l.batch, t.batch),
          ceil_div(l.out_height, t.out_rows),   ceil_div(l.out_width, t.out_cols),
          ceil_div(l.extents.n, t.n),           ceil_div(l.extents.k, t.k)};
}

Bytes TileFootprint::of(BufferRole role) const {
  switch (role) {
    case BufferRole::kInput:
      return input;
    case BufferRole::kWeight:
      return weight;
    case BufferRole::kAccumulator:
      return accumulator;
    case BufferRole::kOutput:
      return output;
    case BufferRole::kScale:
      break;
  }
  return scale;
}

TileFootprint tile_footprint(const MappingProblem& p, const Tiling& t) {
  const Lowered& l = p.layer;
  // The largest window is that of a tile away from the borders: no clipping but to the map's size.
  const InputTaps taps = input_taps(l, std::min(t.k, l.extents.k), t.input_full_k);
  const std::int64_t h = map_span(t.out_rows, l.stride_h, taps.rows, l.dilation_h, true, l.height);
  const std::int64_t w =
      map_span(t.out_cols, l.stride_w, taps.cols, l.dilation_w, skips_columns(p), l.width);
  TileFootprint f;
  f.input =
      Bytes(buffer_bytes(p.path.activations.layout, t.groups * t.batch * h * w * taps.channels));
  const WeightExtent weights = stored_weights(p, t.n, t.k);
  f.weight = Bytes(weight_buffer_bytes(p, t.groups, weights.n, weights.k));
  f.scale = Bytes(parameter_bytes(p, t.groups, t.n, t.k) + input_scale_sram_bytes(p, t));
  f.accumulator = Bytes(t.groups * t.m() * t.n * 4);
  f.output = Bytes(buffer_bytes(p.path.output.layout, t.groups * t.m() * t.n));
  return f;
}

void check_activation_memory(const MappingProblem& p, std::int64_t input_bytes,
                             std::int64_t output_bytes) {
  if (p.activations == ActivationMemory::kDram) return;
  const auto check = [](const char* what, std::int64_t bytes, const BufferConfig& buffer) {
    if (bytes > buffer.capacity.value)
      throw input_error(fmt::format(
          "mapping.activations: on_chip: the layer's {}s of {} B exceed {} B of the {} buffer",
          what, bytes, buffer.capacity.value, what));
  };
  check("input", input_bytes, p.machine.buffers.input);
  check("output", output_bytes, p.machine.buffers.output);
}

std::int64_t live_output_tiles(const Tiling& tiling, const TripCounts& trips) {
  std::int64_t live = 1;
  for (auto dim = tiling.order.rbegin(); *dim != LoopDim::kK; ++dim)
    live *= *dim == LoopDim::kM ? trips.m() : trips.n;
  return trips.k > 1 ? live : 1;
}

Bytes usable(const BufferConfig& buffer) {
  return Bytes(buffer.double_buffered ? buffer.capacity.value / 2 : buffer.capacity.value);
}

bool fits(const MappingProblem& p, const Tiling& t, const TileFootprint& f) {
  return divide(p, t, f).has_value();
}

std::string misfit(const MappingProblem& p, const Tiling& t, const TileFootprint& f) {
  const BuffersConfig& b = p.machine.buffers;
  const std::int64_t live = live_output_tiles(t, trip_counts(p.layer, t));
  // In the order in which they are told.
  for (const BufferRole role : {BufferRole::kInput, BufferRole::kWeight, BufferRole::kScale,
                                BufferRole::kOutput, BufferRole::kAccumulator}) {
    if (b.unifies(role)) continue;
    const BufferConfig& buffer = b.of(role);
    const bool many = role == BufferRole::kAccumulator && live > 1;
    const bool halves = buffer.either_buffering ? !t.single.has(role) : buffer.double_buffered;
    const Bytes need(f.of(role).value * (many ? live : 1));
    const Bytes limit(halves && !many ? buffer.capacity.value / 2 : buffer.capacity.value);
    if (need > limit)
      return fmt::format("{0} tile of {1} B exceeds {2} B of the {0} buffer{3}", enum_name(role),
                         need.value, limit.value,
                         limit < buffer.capacity ? fmt::format(" (half of {} B: double-buffered)",
                                                               buffer.capacity.value)
                                                 : "");
  }
  return unified_misfit(p, t, f);
}

bool dequantizes_at_edge(const MappingProblem& p) {
  return p.path.weights.dequantized &&
         p.machine.dequantizer.placement == DequantizerPlacement::kArrayEdge;
}

std::int64_t weight_read_bits(const MappingProblem& p) {
  return p.path.weights.dequantized && !dequantizes_at_edge(p) ? p.path.mac.operand_bits
                                                               : p.path.weights.code_bits;
}

}  // namespace bitjoule
