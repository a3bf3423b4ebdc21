#include "core/mapping/input_scales.h"

#include <algorithm>

#include "core/mapping/region.h"

namespace bitjoule {
namespace {

std::int64_t row_channels(const Lowered& l) {
  return l.channels * (l.interleaved_groups ? l.extents.groups : 1);
}

}  // namespace

ScaleRange scale_range(const MappingProblem& p, const Tile& tile, std::int64_t c0,
                       std::int64_t c1) {
  const Lowered& l = p.layer;
  const std::int64_t group = p.path.activations.layout.scales.group;
  if (group <= 0) return {0, 1};
  if (!l.interleaved_groups) return {c0 / group, ceil_div(c1, group) - c0 / group};
  const std::int64_t first = (tile.g0 * l.channels + c0) / group;
  return {first, ceil_div((tile.g1 - 1) * l.channels + c1, group) - first};
}

std::int64_t scale_entry_bits(const StorageLayout& layout) {
  if (layout.interleaved() || layout.scales.group == kWholeTensor) return 0;
  return layout.scales.bits + layout.zero_points.bits;
}

std::int64_t scale_bits(const StorageLayout& layout, std::int64_t count) {
  const std::int64_t bits = count * scale_entry_bits(layout);
  return layout.tables.present() ? bits + ceil_div(count, layout.tables.group) * layout.tables.bits
                                 : bits;
}

std::int64_t input_scale_record_bits(const MappingProblem& p) {
  const StorageLayout& layout = p.path.activations.layout;
  return align(scale_bits(layout, groups_per_row(layout.scales, row_channels(p.layer))), 8);
}

std::int64_t input_scale_buffer_bits(const MappingProblem& p, std::int64_t pixels,
                                     std::int64_t groups) {
  const Lowered& l = p.layer;
  const StorageLayout& layout = p.path.activations.layout;
  const std::int64_t all = groups_per_row(layout.scales, row_channels(l));
  if (!l.interleaved_groups || layout.scales.group <= 0)
    return pixels * (l.interleaved_groups ? 1 : groups) * scale_bits(layout, all);
  const std::int64_t touched = ceil_div(groups * l.channels - 1, layout.scales.group) + 1;
  return pixels * scale_bits(layout, std::min(all, touched));
}

}  // namespace bitjoule
