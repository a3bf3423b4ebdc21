// What bounds of a box are read from: figures of every size of a tile along one axis, for all tiles
// of that size together, whose least over any stretch of sizes is known at once.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/mapping/folds.h"
#include "core/mapping/range_min.h"
#include "core/mapping/space.h"

namespace bitjoule {

class BoundTables {
 public:
  /// Both outlive it.
  BoundTables(const MappingProblem& problem, const MappingSpace& space);

  std::array<std::vector<std::int64_t>, kAxes> trips;  ///< tiles of each size
  std::array<RangeMin, kAxes> last_size;               ///< the size of the last tile
  /// Times that the array takes some groups, side by side; cycles of a step in each.
  RangeMin group_packs, group_steps;
  /// Rows and columns that all tiles fetch, with all taps of the kernel; and of one tile, those per
  /// output, with one tap and with all.
  RangeMin rows_fetched, cols_fetched, rows_per_output[2], cols_per_output[2];
  RangeMin n_output_bursts;                ///< that a pixel's outputs take, cut into tiles of n
  RangeMin k_input_bursts;                 ///< where tiles of k are apart
  RangeMin weight_row_bursts;              ///< of a row of weights, by the sizes along it
  RangeMin n_folds, k_folds, k_fold_rows;  ///< of folds along k also the rows of what lies there
  /// Buffer accesses of all folds along n and k: rows of weights and of sums; columns of both
  /// operands.
  RangeMin n_weight_words, n_sum_words, k_input_words, k_weight_words;

 private:
  void tabulate_axes();
  void tabulate_n();
  void tabulate_groups();
  void tabulate_pixels();
  void tabulate_k();
  void tabulate_weight_rows();
  double packed(std::int64_t bits, const BufferConfig& buffer) const;
  std::vector<double> room(std::size_t axis) const {
    return RangeMin::room_for(space_.sizes[axis].size());
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  const ArrayDataflow& dataflow_;
  FoldExtents quanta_;  // what the array takes at once
};

}  // namespace bitjoule
