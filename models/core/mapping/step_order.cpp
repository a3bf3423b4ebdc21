#include "core/mapping/tile_time.h"

namespace bitjoule {

StepOrder::StepOrder(const Tiling& tiling, const TileLayout& layout) {
  const TripCounts& trips = layout.trips();
  const Reuse& reuse = layout.reuse();
  std::size_t i = 0;
  const auto loop = [&](std::int64_t TileIndex::*axis, std::int64_t count) {
    loops_[i++] = {axis, count, 1};
  };
  loop(&TileIndex::g, trips.groups);
  for (const LoopDim dim : tiling.order) {
    if (dim == LoopDim::kM) {
      loop(&TileIndex::b, trips.batch);
      loop(&TileIndex::r, trips.out_rows);
      loop(&TileIndex::c, trips.out_cols);
    } else if (dim == LoopDim::kN) {
      loop(&TileIndex::n, trips.n);
    } else {
      loop(&TileIndex::k, trips.k);
    }
  }
  total_ = 1;
  for (std::size_t l = kLoops; l-- > 0; total_ *= loops_[l].trips) loops_[l].steps = total_;
  for (const Stream stream : kStreams) {
    std::int64_t& steps = periods_[static_cast<std::size_t>(stream)];
    steps = 1;
    for (std::size_t d = 3; d-- > 0;) {
      const LoopDim dim = tiling.order[d];
      const std::int64_t count = dim == LoopDim::kM   ? trips.m()
                                 : dim == LoopDim::kN ? trips.n
                                                      : trips.k;
      if (reuse.depends(stream, dim) && count > 1) break;
      steps *= count;
    }
  }
}

TileIndex StepOrder::index(std::int64_t step) const {
  TileIndex index;
  for (const Loop& loop : loops_)
    if (loop.trips > 1) index.*loop.axis = step / loop.steps % loop.trips;
  return index;
}

}  // namespace bitjoule
