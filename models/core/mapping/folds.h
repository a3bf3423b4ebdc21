// The folds of one tile: what the array does between two tokens.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/interrupt.h"
#include "core/mapping/array_timing.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// One fold of a tile: of some groups side by side, the same part of each. m is counted inside the
/// tile (pixels in the order batch, row, column); groups, n and k are the layer's.
struct FoldJob {
  std::int64_t g0 = 0, g1 = 1;
  std::int64_t m0 = 0, m1 = 0, n0 = 0, n1 = 0, k0 = 0, k1 = 0;
  FoldShape shape{};  ///< PEs that do useful work, and steps
  Fold timing;

  std::int64_t groups() const { return g1 - g0; }
  std::int64_t m() const { return m1 - m0; }
  std::int64_t n() const { return n1 - n0; }
  std::int64_t k() const { return k1 - k0; }
};

/// Whose sum a result is: m inside the tile, group and n of the layer.
struct ResultPlace {
  std::int64_t g = 0, m = 0, n = 0;
};

/// What a fold takes of a tile of a group, at most: all that is streamed, else what lies on the
/// array; never across a scale group.
FoldExtents fold_extents(const MappingProblem& problem, const FoldExtents& tile);
/// The largest fold of a group of a layer, whatever its tiles are.
FoldExtents largest_fold(const MappingProblem& problem);
/// How many groups a fold may have: so many of the largest folds fit on the diagonal of the array.
std::int64_t most_groups_at_once(const MappingProblem& problem);

/// k of fold_extents().
std::int64_t fold_k(const MappingProblem& problem, std::int64_t tile_k);

/// Works out shape and timing of a fold whose ranges are set.
void shape_fold(const MappingProblem& problem, FoldJob& job);

/// Whether a tiling's folds run otherwise in another order: some have fewer k than others, and lie
/// on several columns.
bool order_matters(const MappingProblem& problem, const Tiling& tiling);

/// The loops over the folds of the groups that are on the array at once, outermost first: m, n, k,
/// with k or what lies on the columns as the innermost.
std::array<LoopDim, 3> fold_loops(const MappingProblem& problem, FoldOrder order);

/// Calls f(const FoldJob&) for the folds of a tile in the order of execution. For every result, k
/// ascends: the order of accumulation in docs/timing.md.
template <class F>
void for_each_fold(const MappingProblem& p, const Tile& tile, F f) {
  constexpr std::int64_t kFoldSteps = 64;  // of check_interrupt_after()
  const FoldExtents step = fold_extents(p, {tile.m(), tile.n(), tile.k()});
  FoldJob job;
  struct Loop {
    std::int64_t first, end, step;
    std::int64_t &from, &to;  // of the fold
  };
  const std::array<Loop, 3> loops = {{{0, tile.m(), step.m, job.m0, job.m1},
                                      {tile.n0, tile.n1, step.n, job.n0, job.n1},
                                      {tile.k0, tile.k1, step.k, job.k0, job.k1}}};
  const std::array<LoopDim, 3> order = fold_loops(p, tile.fold_order);
  const auto each = [&](std::size_t level, auto inside) {
    const Loop& loop = loops[static_cast<std::size_t>(order[level])];
    for (std::int64_t at = loop.first; at < loop.end; at += loop.step) {
      loop.from = at;
      loop.to = std::min(at + loop.step, loop.end);
      inside();
    }
  };
  for (job.g0 = tile.g0; job.g0 < tile.g1; job.g0 = job.g1) {
    job.g1 = std::min(job.g0 + tile.groups_at_once, tile.g1);
    each(0, [&] {
      each(1, [&] {
        each(2, [&] {
          check_interrupt_after(kFoldSteps);
          shape_fold(p, job);
          f(static_cast<const FoldJob&>(job));
        });
      });
    });
  }
}

}  // namespace bitjoule
