// A dataflow: what lies on the rows and columns of the array, what stays there while a fold runs
// and what is streamed through it. One object each; whatever depends on the dataflow asks it
// (docs/timing.md, "A fold"). How words move from PE to PE is in hw/dataflow.
#pragma once

#include <cstdint>

#include "core/machine/machine.h"
#include "core/workload/pins.h"

namespace bitjoule {

/// Sizes along the dimensions of a product, in elements.
struct FoldExtents {
  std::int64_t m, n, k;
};

/// A fold on the array: the PEs that have work, and steps streamed through them. Groups lie along
/// the diagonal, in blocks of equal rows and columns; the PEs off the diagonal have no work.
struct FoldShape {
  std::int64_t rows, cols, steps;
  std::int64_t groups = 1;

  std::int64_t block_rows() const { return rows / groups; }
  std::int64_t block_cols() const { return cols / groups; }
  std::int64_t active_pes() const { return groups * block_rows() * block_cols(); }
};

/// So many folds of this shape, of a group each, along the diagonal.
inline FoldShape side_by_side(const FoldShape& one, std::int64_t groups) {
  return {one.rows * groups, one.cols * groups, one.steps, groups};
}

/// So many rows, steps or results, one after the other, each of `width` words (of one PE's MACs
/// each, or of one sum) side by side.
struct Entries {
  std::int64_t count, width;
};

/// What passes the edges of the array in one fold.
struct FoldEntries {
  Entries inputs, weights, results;
};

class ArrayDataflow {
 public:
  virtual ~ArrayDataflow() = default;

  /// The dimension along which steps follow one another: m where weights stay, n where inputs stay,
  /// k where outputs stay. A fold takes all of it that a tile has.
  virtual LoopDim streamed() const = 0;
  /// The one on the columns of PEs.
  virtual LoopDim columns() const = 0;
  /// What the array takes at once: of the streamed dimension in a step, of the others in a fold.
  /// `macs` consecutive k share a PE.
  virtual FoldExtents quanta(const ArrayConfig& array, std::int64_t macs) const = 0;
  /// Of one group.
  virtual FoldShape shape(const FoldExtents& fold, std::int64_t macs) const = 0;
  /// A row of what stays, and of sums that stayed, is of one group: only its columns are in it.
  virtual FoldEntries entries(const FoldShape& fold) const = 0;

  bool weights_stay() const { return streamed() == LoopDim::kM; }
  bool inputs_stay() const { return streamed() == LoopDim::kN; }
  /// Sums then leave through shifts at the end of a fold, else with every step.
  bool outputs_stay() const { return streamed() == LoopDim::kK; }
};

const ArrayDataflow& array_dataflow(Dataflow dataflow);

const ArrayDataflow& weight_stationary();
const ArrayDataflow& output_stationary();
const ArrayDataflow& input_stationary();

}  // namespace bitjoule
