#include "core/mapping/fold_walk.h"

#include <algorithm>

#include "core/mapping/folds.h"
#include "core/mapping/split.h"

namespace bitjoule {

std::int64_t FoldWalk::run(const TileExtent& tile, std::int64_t ready,
                           ArrayTimeline& timeline) const {
  const std::int64_t accepted = std::max(ready, timeline.next_issue());
  const FoldExtents steps = fold_extents(p_, {tile.m, tile.n, tile.k});
  const auto pieces = [&](std::int64_t total, std::int64_t piece, auto body) {
    Split(total, piece).each([&](std::int64_t size, std::int64_t count) {
      repeat_folds(timeline, ready, count, [&] { body(size); });
    });
  };
  FoldJob job;
  pieces(tile.groups, 1, [&](std::int64_t) {
    pieces(tile.m, steps.m, [&](std::int64_t m) {
      job.m1 = m;
      pieces(tile.n, steps.n, [&](std::int64_t n) {
        job.n1 = n;
        pieces(tile.k, steps.k, [&](std::int64_t k) {
          job.k1 = k;
          shape_fold(p_, job);
          timeline.issue(ready, job.timing);
        });
      });
    });
  });
  return accepted;
}

}  // namespace bitjoule
