// compute_cycles() from classes of tiles.
#include <array>

#include "core/few.h"
#include "core/mapping/estimate.h"
#include "core/mapping/fold_walk.h"
#include "core/mapping/split.h"

namespace bitjoule {
namespace {

class ArrayWalk {
 public:
  ArrayWalk(const MappingProblem& p, const Tiling& t)
      : folds_(p),
        fold_order_(t.fold_order),
        groups_at_once_(t.groups_at_once),
        timeline_(p.machine.array.overlap, array_rates(p, t.groups_at_once)) {
    const Lowered& l = p.layer;
    add(l.extents.groups, t.groups, kGroups);
    for (LoopDim dim : t.order) {
      if (dim == LoopDim::kM) {
        add(l.batch, t.batch, kMaps);
        add(l.out_height, t.out_rows, kRows);
        add(l.out_width, t.out_cols, kCols);
      } else if (dim == LoopDim::kN) {
        add(l.extents.n, t.n, kFilters);
      } else {
        add(l.extents.k, t.k, kDepth);
      }
    }
  }

  std::int64_t run() {
    walk(0);
    return timeline_.end() - 1;
  }

 private:
  enum : std::size_t { kGroups, kMaps, kRows, kCols, kFilters, kDepth, kAxes };
  struct Axis {
    Split split;
    std::size_t of;
  };
  /// What the loops from one level inwards did from a phase on, latencies past.
  struct Seen {
    std::size_t level;
    std::array<std::int64_t, kAxes> sizes;
    ArrayTimeline::Phase from, to;
    std::int64_t cycles;
  };

  /// A loop, unless it has one tile, whose size is then always the same.
  void add(std::int64_t total, std::int64_t piece, std::size_t of) {
    const Split split(total, piece);
    if (split.count == 1 && split.rest == 0)
      sizes_[of] = split.size;
    else
      axes_.push_back({split, of});
  }

  void walk(std::size_t level) {
    const bool settled = timeline_.now() >= timeline_.latency();
    const ArrayTimeline::Phase from = timeline_.phase();
    const std::int64_t begin = timeline_.now();
    if (settled)
      for (const Seen& s : seen_)
        if (s.level == level && s.sizes == sizes_ && s.from == from)
          return timeline_.resume(begin + s.cycles, s.to);
    if (level == axes_.size()) {
      folds_.run({sizes_[kGroups], groups_at_once_, sizes_[kMaps] * sizes_[kRows] * sizes_[kCols],
                  sizes_[kFilters], sizes_[kDepth], fold_order_},
                 0, timeline_);
    } else {
      const Axis& axis = axes_[level];
      axis.split.each([&](std::int64_t size, std::int64_t count) {
        sizes_[axis.of] = size;
        repeat_folds(timeline_, 0, count, [&] { walk(level + 1); });
      });
      sizes_[axis.of] = 0;
    }
    if (settled) seen_.push_back({level, sizes_, from, timeline_.phase(), timeline_.now() - begin});
  }

  FoldWalk folds_;
  FoldOrder fold_order_;
  std::int64_t groups_at_once_;
  ArrayTimeline timeline_;
  Few<Axis, kAxes> axes_;                    // with more than one tile, outermost first
  std::array<std::int64_t, kAxes> sizes_{};  // 0: of a loop further in
  Few<Seen, 2 * kAxes> seen_;
};

}  // namespace

std::int64_t array_cycles(const MappingProblem& problem, const Tiling& tiling) {
  return ArrayWalk(problem, tiling).run();
}

}  // namespace bitjoule
