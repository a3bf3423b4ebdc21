// What the mapper chooses from: sizes of a tile along each axis, loop orders over the tiles, and
// which operand stays. docs/mapping.md describes it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/mapping/tiling.h"
#include "core/workload/pins.h"

namespace bitjoule {

/// The axes of a tile.
enum class TileAxis { kGroups, kBatch, kRows, kCols, kN, kK };
inline constexpr std::size_t kAxes = 6;
constexpr std::size_t at(TileAxis axis) { return static_cast<std::size_t>(axis); }
inline constexpr std::size_t kAxisG = at(TileAxis::kGroups), kAxisB = at(TileAxis::kBatch),
                             kAxisR = at(TileAxis::kRows), kAxisC = at(TileAxis::kCols),
                             kAxisN = at(TileAxis::kN), kAxisK = at(TileAxis::kK);

/// Everything of a tiling but its sizes.
struct LoopScheme {
  std::array<LoopDim, 3> order{};
  bool input_full_k = false;
};

struct MappingSpace {
  std::array<std::vector<std::int64_t>, kAxes> sizes;  ///< of a tile, rising
  std::vector<LoopScheme> schemes;  ///< where all else is equal the first one wins
  std::vector<FoldOrder> fold_orders;
  /// As many groups are on the array at once as a tile has and as fit.
  std::int64_t most_groups_at_once = 1;
  std::vector<std::string> notes;  ///< what was pinned otherwise than it is taken, a line each

  Tiling tiling(std::size_t scheme, const std::array<std::int64_t, kAxes>& tile) const;
};

/// The extent of an axis, and what its sizes are multiples of but for a last tile: no byte, block
/// or group of scales is cut.
struct AxisExtent {
  std::int64_t total = 1, alignment = 1;
};
AxisExtent axis_extent(const MappingProblem& problem, TileAxis axis);

/// Short axes have every size. Of a long one, whose tiles are many, the sizes that make a
/// difference: for every number of tiles the smallest that yields it, and that rounded up to whole
/// arrays and whole bursts.
MappingSpace mapping_space(const MappingProblem& problem, const MappingPins& pins);

/// The loop dimensions of an order, outermost first.
std::array<LoopDim, 3> loop_dims(LoopOrder order);

}  // namespace bitjoule
