// A dataflow as the array PE by PE has it: which words its edges take in, and whose results leave
// it. One object each; what it means for mapping and counts is in core/mapping/dataflow.
#pragma once

#include <cstdint>
#include <optional>

#include "core/mapping/folds.h"

namespace bitjoule {

/// Word number `word` along k of a fold, of row m of the tile's inputs or row n of the weights of a
/// group of the layer.
struct EdgeWord {
  bool inputs = true;
  std::int64_t g = 0, row = 0, word = 0;
};

class PeDataflow {
 public:
  virtual ~PeDataflow() = default;

  /// Words from the west and from the north meet in every step, and sums leave after the last one.
  /// Otherwise the north brings what stays, ahead of the steps, and sums move south with them.
  virtual bool outputs_stay() const = 0;
  /// What a row of PEs gets from the west in a step.
  virtual EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const = 0;
  /// What a column gets from the north: in a step where outputs stay, else for a row of its PEs, if
  /// that is of the column's group.
  virtual std::optional<EdgeWord> north(const FoldJob& fold, std::int64_t column,
                                        std::int64_t entry) const = 0;
  /// What leaves a column: where outputs stay from a row of its PEs, if that is of the column's
  /// group; else with a step.
  virtual std::optional<ResultPlace> result(const FoldJob& fold, std::int64_t column,
                                            std::int64_t index) const = 0;
};

/// A row or column of the array: of which of its fold's groups, and which of that group's.
struct BlockPlace {
  std::int64_t g, index;
};
inline BlockPlace row_of(const FoldJob& fold, std::int64_t row) {
  const std::int64_t rows = fold.shape.block_rows();
  if (row < rows) return {fold.g0, row};  // of the first group, or the only one: no division
  return {fold.g0 + row / rows, row % rows};
}
inline BlockPlace column_of(const FoldJob& fold, std::int64_t column) {
  const std::int64_t cols = fold.shape.block_cols();
  if (column < cols) return {fold.g0, column};
  return {fold.g0 + column / cols, column % cols};
}

const PeDataflow& pe_dataflow(Dataflow dataflow);

const PeDataflow& pe_weight_stationary();
const PeDataflow& pe_output_stationary();
const PeDataflow& pe_input_stationary();

}  // namespace bitjoule
