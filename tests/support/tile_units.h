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

/// Neighbours in a row of results that share a scale beside their codes.
inline std::int64_t results_of_scale(const MappingProblem& p) {
  const StorageLayout& layout = p.path.output.layout;
  const std::int64_t row = p.layer.result_row();
  if (layout.interleaved() || !layout.scales.present() || layout.scales.group == kWholeTensor)
    return 1;
  if (layout.scales.group == kWholeRow) return row;
  const std::int64_t tables = layout.tables.present() ? layout.tables.group : 1;  // of scales
  return std::min(layout.scales.group * tables, row);
}

/// Tiles of such multiples cut neither blocks, scale groups nor bytes.
inline std::int64_t g_unit(const MappingProblem& p) {
  const std::int64_t scaled = results_of_scale(p), n = p.layer.extents.n;
  return p.layer.interleaved_groups ? std::lcm(n, scaled) / n : 1;
}
inline std::int64_t n_unit(const MappingProblem& p) {
  const std::int64_t scaled = g_unit(p) > 1 ? p.layer.extents.n : results_of_scale(p);
  return std::lcm(std::max<std::int64_t>(1, p.path.output.layout.block_elements),
                  std::lcm(scaled, p.layer.k_rows ? region_alignment(p.path.weights.layout) : 1));
}
inline std::int64_t k_unit(const MappingProblem& p) {
  return std::lcm(std::max<std::int64_t>(1, p.path.scale_group),
                  std::lcm(p.layer.k_rows ? 1 : region_alignment(p.path.weights.layout),
                           region_alignment(p.path.activations.layout)));
}

}  // namespace bitjoule::test
