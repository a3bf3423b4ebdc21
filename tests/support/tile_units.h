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

/// Tiles of such multiples cut neither blocks, scale groups nor bytes.
inline std::int64_t n_unit(const MappingProblem& p) {
  return std::lcm(std::max<std::int64_t>(1, p.path.output.layout.block_elements),
                  p.layer.k_rows ? region_alignment(p.path.weights.layout) : 1);
}
inline std::int64_t k_unit(const MappingProblem& p) {
  return std::lcm(std::max<std::int64_t>(1, p.path.scale_group),
                  std::lcm(p.layer.k_rows ? 1 : region_alignment(p.path.weights.layout),
                           region_alignment(p.path.activations.layout)));
}

}  // namespace bitjoule::test
