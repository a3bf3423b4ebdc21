// A box as its bounds see it.
#pragma once

#include "core/mapping/bounds.h"
#include "core/mapping/real.h"

namespace bitjoule {

/// A box with the least number of tiles along each axis and loop.
struct Bounds::View {
  const Box& box;
  const LoopScheme& scheme;
  std::array<std::int64_t, kAxes> lo{};             // sizes
  std::array<std::int64_t, kAxes> least{}, most{};  // tiles
  std::array<std::int64_t, 3> loops{};              // least tiles of m, n, k
  bool apart = false, together = false;  // whether the inputs' k may be, or may not be, cut

  std::int64_t m() const { return lo[kAxisB] * lo[kAxisR] * lo[kAxisC]; }
  std::int64_t least_m() const { return least[kAxisB] * least[kAxisR] * least[kAxisC]; }
  std::int64_t most_m() const { return most[kAxisB] * most[kAxisR] * most[kAxisC]; }
  bool inside_k(LoopDim dim) const {  // whether a loop runs inside that over k
    for (auto at = scheme.order.rbegin(); *at != LoopDim::kK; ++at)
      if (*at == dim) return true;
    return false;
  }
  /// As Reuse::repetitions, with the least number of tiles: more tiles move no stream less often.
  double repetitions(bool m, bool n, bool k) const {
    const std::array<bool, 3> depends = {m, n, k};
    int loop = 2;
    const auto dim = [&](int i) {
      return static_cast<std::size_t>(scheme.order[static_cast<std::size_t>(i)]);
    };
    while (loop >= 0 && !(depends[dim(loop)] && loops[dim(loop)] > 1)) --loop;
    double times = 1;
    for (--loop; loop >= 0; --loop)
      if (!depends[dim(loop)]) times *= real(loops[dim(loop)]);
    return times;
  }
  /// The least of a table's figures, of the sizes that the box has along an axis.
  double least_of(const RangeMin& table, std::size_t axis) const {
    return table(box.lo[axis], box.hi[axis]);
  }
};

}  // namespace bitjoule
