#include "core/mapping/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/mapping/folds.h"
#include "core/mapping/region.h"

namespace bitjoule {
namespace {

// k innermost first: partial sums of one tile only.
constexpr LoopOrder kOrders[] = {LoopOrder::kMnk, LoopOrder::kNmk, LoopOrder::kMkn,
                                 LoopOrder::kNkm, LoopOrder::kKmn, LoopOrder::kKnm};
/// An axis of at most so many aligned units has every size; pixels in a row more, as a short last
/// tile of them counts; rows and columns of a map together make rectangles, where fewer will do
/// unless each folds otherwise on the array.
constexpr std::int64_t kShortAxis = 400, kShortRow = 640, kShortSide = 64;

std::int64_t short_axis(const MappingProblem& p, TileAxis axis) {
  if (axis != TileAxis::kRows && axis != TileAxis::kCols) return kShortAxis;
  if (p.layer.out_height == 1) return kShortRow;
  return dataflow_of(p).streamed() == LoopDim::kM ? kShortSide : kShortAxis;
}

std::vector<std::int64_t> sizes_of(const AxisExtent& axis, const std::vector<std::int64_t>& quanta,
                                   std::int64_t short_axis) {
  std::vector<std::int64_t> sizes;
  const std::int64_t total = axis.total, unit = axis.alignment;
  if (ceil_div(total, unit) <= short_axis) {
    for (std::int64_t size = unit; size < total; size += unit) sizes.push_back(size);
    sizes.push_back(total);
    return sizes;
  }
  for (std::int64_t size = total; size > 0;) {
    sizes.push_back(size);
    for (const std::int64_t quantum : quanta)
      sizes.push_back(std::min(total, align(size, std::lcm(quantum, unit))));
    if (size <= unit) break;
    // The smallest size of the next number of tiles; where that has none, of the one after.
    const std::int64_t below = (ceil_div(size, unit) - 1) * unit;
    size = align(ceil_div(total, ceil_div(total, below)), unit);
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

/// Elements of a whole burst; 1 where elements do not fill bursts evenly.
std::int64_t burst_elements(const MappingProblem& p, std::int64_t bits) {
  return bits > 0 && p.memory.burst_bytes * 8 % bits == 0 ? p.memory.burst_bytes * 8 / bits : 1;
}

/// Groups whose elements of one tensor, so many bits each, fill bursts evenly.
std::int64_t burst_groups(const MappingProblem& p, std::int64_t bits) {
  const std::int64_t burst = p.memory.burst_bytes * 8;
  return bits > 0 ? burst / std::gcd(burst, bits) : 1;
}

/// What the array holds at once along an axis, and what fills a burst.
std::vector<std::int64_t> quanta_of(const MappingProblem& p, TileAxis axis) {
  const FoldExtents array = dataflow_of(p).quanta(p.machine.array, p.path.macs_per_pe);
  switch (axis) {
    case TileAxis::kCols:
      return {array.m, burst_elements(p, p.path.activations.code_bits * p.layer.channels)};
    case TileAxis::kN:
      return {array.n, burst_elements(p, p.path.output.code_bits)};
    case TileAxis::kK:
      return {array.k, burst_elements(p, p.path.activations.code_bits), p.layer.channels};
    case TileAxis::kGroups:
      return {most_groups_at_once(p), burst_groups(p, p.layer.extents.n * p.path.output.code_bits),
              burst_groups(p, p.layer.extents.k * p.path.activations.code_bits)};
    default:
      return {};
  }
}

const char* axis_key(TileAxis axis) {
  static constexpr const char* kNames[] = {"groups", "batch", "rows", "cols", "n", "k"};
  return kNames[at(axis)];
}

class Pinned {
 public:
  Pinned(const MappingProblem& p, MappingSpace& space) : p_(p), space_(space) {}

  /// One size, no larger than the layer.
  void pin(TileAxis axis, std::int64_t size) {
    const auto [total, unit] = axis_extent(p_, axis);
    size = clipped(axis_key(axis), size, total);
    if (size % unit != 0 && size != total)
      throw input_error(fmt::format(
          "mapping.tile.{}: expected a multiple of {} (blocks and scale groups stay whole), got {}",
          axis_key(axis), unit, size));
    space_.sizes[at(axis)] = {size};
  }

  /// So many output pixels: part of a row, whole rows, or whole maps.
  void pin_pixels(std::int64_t m) {
    const Lowered& l = p_.layer;
    m = clipped("m", m, l.extents.m);
    const std::int64_t map = l.out_width * l.out_height;
    if (m <= l.out_width) return set_pixels(1, 1, m);
    if (m < map && m % l.out_width == 0) return set_pixels(1, m / l.out_width, l.out_width);
    if (m % map == 0) return set_pixels(m / map, l.out_height, l.out_width);
    throw input_error(fmt::format(
        "mapping.tile.m: {} output pixels are neither part of a row of {}, nor whole rows, nor "
        "whole maps of {}: a rectangle is pinned by tile: {{rows, cols}}",
        m, l.out_width, map));
  }

 private:
  std::int64_t clipped(const char* key, std::int64_t size, std::int64_t total) {
    if (size < 1)
      throw input_error(fmt::format("mapping.tile.{}: expected 1 or more, got {}", key, size));
    if (size > total)
      space_.notes.push_back(
          fmt::format("mapping.tile.{}: {} pinned, the layer has {}", key, size, total));
    return std::min(size, total);
  }

  void set_pixels(std::int64_t batch, std::int64_t rows, std::int64_t cols) {
    space_.sizes[at(TileAxis::kBatch)] = {batch};
    space_.sizes[at(TileAxis::kRows)] = {rows};
    space_.sizes[at(TileAxis::kCols)] = {cols};
  }

  const MappingProblem& p_;
  MappingSpace& space_;
};

}  // namespace

TilePins with(const TilePins& layer, TilePins pins) {
  const auto replace = [&](auto member) {
    if (layer.*member) pins.*member = layer.*member;
  };
  if (layer.objective || layer.weights) pins.objective.reset(), pins.weights.reset();
  replace(&TilePins::objective);
  replace(&TilePins::weights);
  replace(&TilePins::order);
  replace(&TilePins::fold_order);
  replace(&TilePins::dataflow);
  // A rectangle takes the place of a number of pixels, and the other way round.
  const bool rectangle = layer.tile_batch || layer.tile_rows || layer.tile_cols;
  if (rectangle || layer.tile_m)
    pins.tile_m = pins.tile_batch = pins.tile_rows = pins.tile_cols = std::nullopt;
  for (const auto member :
       {&TilePins::tile_m, &TilePins::tile_n, &TilePins::tile_k, &TilePins::tile_batch,
        &TilePins::tile_rows, &TilePins::tile_cols, &TilePins::tile_groups})
    replace(member);
  return pins;
}

MappingPins with(const TilePins& layer, MappingPins run) {
  static_cast<TilePins&>(run) = with(layer, static_cast<const TilePins&>(run));
  return run;
}

std::array<LoopDim, 3> loop_dims(LoopOrder order) {
  constexpr LoopDim kM = LoopDim::kM, kN = LoopDim::kN, kK = LoopDim::kK;
  switch (order) {
    case LoopOrder::kMnk:
      return {kM, kN, kK};
    case LoopOrder::kMkn:
      return {kM, kK, kN};
    case LoopOrder::kNmk:
      return {kN, kM, kK};
    case LoopOrder::kNkm:
      return {kN, kK, kM};
    case LoopOrder::kKmn:
      return {kK, kM, kN};
    case LoopOrder::kKnm:
      return {kK, kN, kM};
  }
  throw internal_error("loop_dims: not a loop order");
}

Tiling MappingSpace::tiling(std::size_t scheme, const std::array<std::int64_t, kAxes>& tile) const {
  Tiling t;
  t.groups = tile[at(TileAxis::kGroups)];
  t.batch = tile[at(TileAxis::kBatch)];
  t.out_rows = tile[at(TileAxis::kRows)];
  t.out_cols = tile[at(TileAxis::kCols)];
  t.n = tile[at(TileAxis::kN)];
  t.k = tile[at(TileAxis::kK)];
  t.order = schemes[scheme].order;
  t.input_full_k = schemes[scheme].input_full_k;
  t.fold_order = fold_orders.front();
  t.groups_at_once = std::min(t.groups, most_groups_at_once);
  return t;
}

AxisExtent axis_extent(const MappingProblem& p, TileAxis axis) {
  const Lowered& l = p.layer;
  const std::int64_t whole_weights = region_alignment(p.path.weights.layout);
  switch (axis) {
    case TileAxis::kGroups:
      return {l.extents.groups, 1};
    case TileAxis::kBatch:
      return {l.batch, 1};
    case TileAxis::kRows:
      return {l.out_height, 1};
    case TileAxis::kCols:
      return {l.out_width, 1};
    case TileAxis::kN:
      return {l.extents.n, std::lcm(std::max<std::int64_t>(1, p.path.output.layout.block_elements),
                                    l.k_rows ? whole_weights : 1)};
    case TileAxis::kK:
      return {l.extents.k, std::lcm(std::max<std::int64_t>(1, p.path.scale_group),
                                    std::lcm(l.k_rows ? 1 : whole_weights,
                                             region_alignment(p.path.activations.layout)))};
  }
  throw internal_error("axis_extent: not an axis");
}

MappingSpace mapping_space(const MappingProblem& p, const MappingPins& pins) {
  MappingSpace space;
  space.most_groups_at_once = most_groups_at_once(p);
  for (std::size_t a = 0; a < kAxes; ++a) {
    const TileAxis axis = static_cast<TileAxis>(a);
    space.sizes[a] = sizes_of(axis_extent(p, axis), quanta_of(p, axis), short_axis(p, axis));
  }
  Pinned pinned(p, space);
  if (pins.tile_groups) pinned.pin(TileAxis::kGroups, *pins.tile_groups);
  if (pins.tile_m) pinned.pin_pixels(*pins.tile_m);
  if (pins.tile_batch) pinned.pin(TileAxis::kBatch, *pins.tile_batch);
  if (pins.tile_rows) pinned.pin(TileAxis::kRows, *pins.tile_rows);
  if (pins.tile_cols) pinned.pin(TileAxis::kCols, *pins.tile_cols);
  if (pins.tile_n) pinned.pin(TileAxis::kN, *pins.tile_n);
  if (pins.tile_k) pinned.pin(TileAxis::kK, *pins.tile_k);
  space.fold_orders = {FoldOrder::kKInnermost, FoldOrder::kColumnsInnermost};
  if (pins.fold_order) space.fold_orders = {*pins.fold_order};
  for (const LoopOrder order : kOrders)
    for (const bool full : {false, true})
      if (!pins.order || *pins.order == order) space.schemes.push_back({loop_dims(order), full});
  return space;
}

}  // namespace bitjoule
