// Products whose second operand lies as rows of n, and the sizes of tiles that cut no block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "core/mapping/tiling.h"

namespace bitjoule::test {

/// Every second one with `k_rows`; n and k change places, so that rows stay whole blocks.
inline Matmul some_of_k_rows(Matmul product) {
  product.k_rows = (product.batch + product.m) % 2 == 0;
  if (product.k_rows) std::swap(product.n, product.k);
  return product;
}

/// Whether groups of a convolution share scales of results, which lie otherwise in each.
inline bool groups_share_scales(const MappingProblem& p) {
  const StorageLayout& layout = p.path.output.layout;
  const StorageField& scales = layout.scales;
  if (layout.interleaved() || !scales.present() || scales.group == kWholeTensor) return false;
  const std::int64_t bits = scales.bits + layout.zero_points.bits + layout.mins.bits;
  const bool alike = scales.group > 0 && p.layer.extents.n % scales.group == 0 &&
                     !layout.tables.present() && bits % 8 == 0;
  return p.layer.interleaved_groups && p.layer.extents.groups > 1 && !alike;
}
inline bool fills_a_burst(const MappingProblem& p) {
  return p.layer.extents.n * p.path.output.layout.codes.bits >= p.memory.burst_bytes * 8;
}

/// Such groups are whole, or, those that fill a burst, in tiles of their own.
inline std::int64_t most_groups(const MappingProblem& p) {
  return groups_share_scales(p) && fills_a_burst(p) ? 1 : p.layer.extents.groups;
}

/// Results along n that have a scale in common, or share one with those of other groups.
inline std::int64_t results_of_scale(const MappingProblem& p) {
  const StorageLayout& layout = p.path.output.layout;
  if (layout.interleaved()) return layout.block_elements;
  if (groups_share_scales(p)) return fills_a_burst(p) ? 1 : p.layer.extents.n;
  return layout.scales.present() ? std::max<std::int64_t>(1, layout.scales.group) : 1;
}

/// Tiles of such multiples cut neither blocks, scale groups nor bytes.
inline std::int64_t n_unit(const MappingProblem& p) {
  return std::lcm(results_of_scale(p),
                  p.layer.k_rows ? region_alignment(p.path.weights.layout) : 1);
}
inline std::int64_t k_unit(const MappingProblem& p) {
  return std::lcm(std::max<std::int64_t>(1, p.path.scale_group),
                  std::lcm(p.layer.k_rows ? 1 : region_alignment(p.path.weights.layout),
                           region_alignment(p.path.activations.layout)));
}

}  // namespace bitjoule::test
