// A dataflow as the array PE by PE has it: which words its edges take in, and whose results leave
// it. One object each; what it means for mapping and counts is in core/mapping/dataflow.
#pragma once

#include <cstdint>

#include "core/mapping/folds.h"

namespace bitjoule {

/// Word number `word` along k of a fold, of row m of the tile's inputs or row n of the weights.
struct EdgeWord {
  bool inputs = true;
  std::int64_t row = 0, word = 0;
};

/// Whose sum a result is.
struct ResultPlace {
  std::int64_t m = 0, n = 0;
};

class PeDataflow {
 public:
  virtual ~PeDataflow() = default;

  /// Words from the west and from the north meet in every step, and sums leave after the last one.
  /// Otherwise the north brings what stays, ahead of the steps, and sums move south with them.
  virtual bool outputs_stay() const = 0;
  /// What a row of PEs gets from the west in a step.
  virtual EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const = 0;
  /// What a column gets from the north: in a step where outputs stay, else for a row of its PEs.
  virtual EdgeWord north(const FoldJob& fold, std::int64_t column, std::int64_t entry) const = 0;
  /// What leaves a column: where outputs stay from a row of its PEs, else with a step.
  virtual ResultPlace result(const FoldJob& fold, std::int64_t column,
                             std::int64_t index) const = 0;
};

const PeDataflow& pe_dataflow(Dataflow dataflow);

const PeDataflow& pe_weight_stationary();
const PeDataflow& pe_output_stationary();
const PeDataflow& pe_input_stationary();

}  // namespace bitjoule
