// The array's time for tiles of equal folds: once its state repeats, the rest is multiplied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/mapping/array_timing.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// What of a tile the array's time depends on.
struct TileExtent {
  std::int64_t groups = 1, groups_at_once = 1, m = 1, n = 1, k = 1;
  FoldOrder order = FoldOrder::kKInnermost;

  friend bool operator==(const TileExtent& a, const TileExtent& b) {
    return a.groups == b.groups && a.groups_at_once == b.groups_at_once && a.m == b.m &&
           a.n == b.n && a.k == b.k && a.order == b.order;
  }
};

/// Runs `body`, which issues folds ready at `ready`, `count` times.
template <class F>
void repeat_folds(ArrayTimeline& timeline, std::int64_t ready, std::int64_t count, F body) {
  for (std::int64_t done = 1; done <= count; ++done) {
    const ArrayTimeline::Phase before = timeline.phase();
    const std::int64_t from = timeline.now();
    body();
    // Max-plus: what begins in the same state passes in the same time and ends in the same state.
    if (from >= ready + timeline.latency() && timeline.phase() == before) {
      timeline.resume(timeline.now() + (timeline.now() - from) * (count - done), before);
      return;
    }
  }
}

class FoldWalk {
 public:
  explicit FoldWalk(const MappingProblem& problem) : p_(problem) {}

  /// Issues the folds of a tile whose operands are in the buffers from cycle `ready` on, in the
  /// order of for_each_fold(). Returns when the first of them is accepted.
  std::int64_t run(const TileExtent& tile, std::int64_t ready, ArrayTimeline& timeline) const;

 private:
  const MappingProblem& p_;
};

/// The same, which knows what it did last: an equal tile that finds the array in an equal state,
/// and waits as long for its operands, takes as long.
class RecentFolds {
 public:
  explicit RecentFolds(const MappingProblem& problem) : folds_(problem) {}

  std::int64_t run(const TileExtent& tile, std::int64_t ready, ArrayTimeline& timeline);

 private:
  struct Seen {
    TileExtent tile;
    std::int64_t wait = 0;  ///< for the operands, from the begin of the last stream on
    ArrayTimeline::Phase from, to;
    std::int64_t cycles = 0, accepted = 0;
  };

  FoldWalk folds_;
  std::array<Seen, 8> seen_{};
  std::size_t known_ = 0, oldest_ = 0;
};

}  // namespace bitjoule
