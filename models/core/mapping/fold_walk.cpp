#include "core/mapping/fold_walk.h"

#include <algorithm>
#include <array>

#include "core/mapping/folds.h"
#include "core/mapping/split.h"

namespace bitjoule {

std::int64_t FoldWalk::run(const TileExtent& tile, std::int64_t ready,
                           ArrayTimeline& timeline) const {
  const std::int64_t accepted = std::max(ready, timeline.next_issue());
  const FoldExtents steps = fold_extents(p_, {tile.m, tile.n, tile.k});
  FoldJob job;
  const std::array<LoopDim, 3> order = fold_loops(p_, tile.order);
  const auto each = [&](std::size_t level, auto inside) {
    const LoopDim dim = order[level];
    std::int64_t& length = dim == LoopDim::kM ? job.m1 : dim == LoopDim::kN ? job.n1 : job.k1;
    const std::int64_t total = dim == LoopDim::kM ? tile.m : dim == LoopDim::kN ? tile.n : tile.k;
    const std::int64_t step = dim == LoopDim::kM ? steps.m : dim == LoopDim::kN ? steps.n : steps.k;
    Split(total, step).each([&](std::int64_t size, std::int64_t count) {
      length = size;
      repeat_folds(timeline, ready, count, inside);
    });
  };
  Split(tile.groups, tile.groups_at_once).each([&](std::int64_t groups, std::int64_t times) {
    job.g1 = groups;
    repeat_folds(timeline, ready, times, [&] {
      each(0, [&] {
        each(1, [&] {
          each(2, [&] {
            shape_fold(p_, job);
            timeline.issue(ready, job.timing);
          });
        });
      });
    });
  });
  return accepted;
}

std::int64_t RecentFolds::run(const TileExtent& tile, std::int64_t ready, ArrayTimeline& timeline) {
  const std::int64_t now = timeline.now();
  const ArrayTimeline::Phase from = timeline.phase();
  // Operands that are there long enough are there, however long that is.
  const std::int64_t wait = std::max(ready, timeline.next_issue() - timeline.latency()) - now;
  for (std::size_t i = 0; i < known_; ++i) {
    const Seen& s = seen_[i];
    if (s.wait != wait || !(s.from == from) || !(s.tile == tile)) continue;
    timeline.resume(now + s.cycles, s.to);
    return now + s.accepted;
  }
  const std::int64_t accepted = folds_.run(tile, now + wait, timeline);
  seen_[oldest_] = {tile, wait, from, timeline.phase(), timeline.now() - now, accepted - now};
  oldest_ = (oldest_ + 1) % seen_.size();
  known_ = std::max(known_, oldest_ == 0 ? seen_.size() : oldest_);
  return accepted;
}

}  // namespace bitjoule
