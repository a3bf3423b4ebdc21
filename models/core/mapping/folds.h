// The folds of one tile: what the array does between two tokens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/mapping/array_timing.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// One fold of a tile. m is counted inside the tile (pixels in the order batch, row, column); n and
/// k are the layer's.
struct FoldJob {
  std::int64_t g = 0;
  std::int64_t m0 = 0, m1 = 0, n0 = 0, n1 = 0, k0 = 0, k1 = 0;
  FoldShape shape{};  ///< PEs that do useful work, and steps
  Fold timing;

  std::int64_t m() const { return m1 - m0; }
  std::int64_t n() const { return n1 - n0; }
  std::int64_t k() const { return k1 - k0; }
};

/// What a fold takes of a tile, at most: all that is streamed, else what lies on the array; never
/// across a scale group.
FoldExtents fold_extents(const MappingProblem& problem, const FoldExtents& tile);
/// Its k.
std::int64_t fold_k(const MappingProblem& problem, std::int64_t tile_k);

/// Works out shape and timing of a fold whose ranges are set.
void shape_fold(const MappingProblem& problem, FoldJob& job);

/// Calls f(const FoldJob&) for the folds of a tile in the order of execution. For every result, k
/// ascends: the order of accumulation in docs/timing.md.
template <class F>
void for_each_fold(const MappingProblem& p, const Tile& tile, F f) {
  const FoldExtents step = fold_extents(p, {tile.m(), tile.n(), tile.k()});
  FoldJob job;
  for (job.g = tile.g0; job.g < tile.g1; ++job.g)
    for (std::int64_t m = 0; m < tile.m(); m += step.m)
      for (std::int64_t n = tile.n0; n < tile.n1; n += step.n)
        for (std::int64_t k = tile.k0; k < tile.k1; k += step.k) {
          job.m0 = m;
          job.m1 = std::min(m + step.m, tile.m());
          job.n0 = n;
          job.n1 = std::min(n + step.n, tile.n1);
          job.k0 = k;
          job.k1 = std::min(k + step.k, tile.k1);
          shape_fold(p, job);
          f(static_cast<const FoldJob&>(job));
        }
}

}  // namespace bitjoule
