#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

/// The largest part of a scale group that divides it, `most` or less of it: folds of so many end
/// where groups do.
std::int64_t part_of_group(std::int64_t group, std::int64_t most) {
  while (group % most != 0) --most;
  return most;
}

}  // namespace

FoldExtents fold_extents(const MappingProblem& p, const FoldExtents& tile) {
  const ArrayDataflow& dataflow = dataflow_of(p);
  const FoldExtents quanta = dataflow.quanta(p.machine.array, p.path.macs_per_pe);
  FoldExtents fold = tile;
  if (dataflow.streamed() != LoopDim::kM) fold.m = std::min(fold.m, quanta.m);
  if (dataflow.streamed() != LoopDim::kN) fold.n = std::min(fold.n, quanta.n);
  if (dataflow.streamed() != LoopDim::kK) fold.k = std::min(fold.k, quanta.k);
  const std::int64_t group = p.path.scale_group;
  if (group != 0 && group < p.layer.extents.k) {
    const bool streamed = dataflow.streamed() == LoopDim::kK;
    fold.k = std::min(tile.k, part_of_group(group, streamed ? group : std::min(group, quanta.k)));
  }
  return fold;
}

FoldExtents largest_fold(const MappingProblem& p) {
  const GemmExtents& e = p.layer.extents;
  return fold_extents(p, {e.m, e.n, e.k});
}

std::int64_t most_groups_at_once(const MappingProblem& p) {
  const ArrayConfig& array = p.machine.array;
  if (array.group_folds == GroupFolds::kAlone) return 1;
  const FoldShape one = dataflow_of(p).shape(largest_fold(p), p.path.macs_per_pe);
  return std::min({p.layer.extents.groups, array.rows / one.rows, array.cols / one.cols});
}

std::int64_t fold_k(const MappingProblem& p, std::int64_t tile_k) {
  return fold_extents(p, {1, 1, tile_k}).k;
}

bool order_matters(const MappingProblem& p, const Tiling& t) {
  const ArrayDataflow& dataflow = dataflow_of(p);
  const FoldExtents tile{t.m(), t.n, t.k}, fold = fold_extents(p, tile);
  const bool columns = dataflow.columns() == LoopDim::kM ? fold.m < tile.m : fold.n < tile.n;
  const auto uneven = [&](std::int64_t k) { return k > fold.k && k % fold.k != 0; };
  // With the timing of the whole array the folds of a tile are equal, but for the steps along k.
  const bool timed = p.machine.array.edge_folds == EdgeFolds::kExact || dataflow.outputs_stay();
  return timed && columns && (uneven(tile.k) || uneven(p.layer.extents.k % tile.k));
}

std::array<LoopDim, 3> fold_loops(const MappingProblem& p, FoldOrder order) {
  if (order == FoldOrder::kKInnermost) return {LoopDim::kM, LoopDim::kN, LoopDim::kK};
  if (dataflow_of(p).columns() == LoopDim::kM) return {LoopDim::kN, LoopDim::kK, LoopDim::kM};
  return {LoopDim::kM, LoopDim::kK, LoopDim::kN};
}

void shape_fold(const MappingProblem& p, FoldJob& job) {
  const ArrayConfig& array = p.machine.array;
  const ArrayDataflow& dataflow = dataflow_of(p);
  job.shape =
      side_by_side(dataflow.shape({job.m(), job.n(), job.k()}, p.path.macs_per_pe), job.groups());
  const bool full = array.edge_folds == EdgeFolds::kFull;
  Fold& fold = job.timing;
  fold.rows = full ? array.rows : job.shape.rows;
  fold.cols = full ? array.cols : job.shape.cols;
  fold.steps = job.shape.steps;
  fold.drains = dataflow.outputs_stay();
  fold.load_rows = fold.drains ? 0 : fold.rows;
}

}  // namespace bitjoule
