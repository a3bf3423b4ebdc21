// The folds of one tile: what the array does between two tokens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/mapping/array_timing.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// One fold of a tile. m is counted inside the tile (pixels in the order batch, row, column); n and
/// k are the layer's. Output-stationary: m on rows, n on columns; weight-stationary: k on rows, n
/// on columns; input-stationary: k on rows, m on columns.
struct FoldJob {
  std::int64_t g = 0;
  std::int64_t m0 = 0, m1 = 0, n0 = 0, n1 = 0, k0 = 0, k1 = 0;
  std::int64_t used_rows = 0, used_cols = 0;  ///< PEs that do useful work
  Fold timing;

  std::int64_t m() const { return m1 - m0; }
  std::int64_t n() const { return n1 - n0; }
  std::int64_t k() const { return k1 - k0; }
};

/// Works out rows, columns, steps and timing of a fold whose ranges are set.
void shape_fold(const MappingProblem& problem, FoldJob& job);

/// How far a fold reaches along each axis of a tile of m x n x k.
struct FoldSteps {
  std::int64_t m, n, k;
};
FoldSteps fold_steps(const MappingProblem& problem, std::int64_t m, std::int64_t n, std::int64_t k);

/// Calls f(const FoldJob&) for the folds of a tile in the order of execution. For every result, k
/// ascends: the order of accumulation in docs/timing.md.
template <class F>
void for_each_fold(const MappingProblem& p, const Tile& tile, F f) {
  const auto [m_step, n_step, k_step] = fold_steps(p, tile.m(), tile.n(), tile.k());
  FoldJob job;
  for (job.g = tile.g0; job.g < tile.g1; ++job.g)
    for (std::int64_t m = 0; m < tile.m(); m += m_step)
      for (std::int64_t n = tile.n0; n < tile.n1; n += n_step)
        for (std::int64_t k = tile.k0; k < tile.k1; k += k_step) {
          job.m0 = m;
          job.m1 = std::min(m + m_step, tile.m());
          job.n0 = n;
          job.n1 = std::min(n + n_step, tile.n1);
          job.k0 = k;
          job.k1 = std::min(k + k_step, tile.k1);
          shape_fold(p, job);
          f(static_cast<const FoldJob&>(job));
        }
}

}  // namespace bitjoule
