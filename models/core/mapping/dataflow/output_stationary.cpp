#include "core/mapping/dataflow/dataflow.h"
#include "core/units.h"

namespace bitjoule {
namespace {

/// Sums stay: m on rows, n on columns; words along k enter from the west and the north.
class OutputStationary : public ArrayDataflow {
 public:
  LoopDim streamed() const override { return LoopDim::kK; }
  LoopDim columns() const override { return LoopDim::kN; }
  FoldExtents quanta(const ArrayConfig& array, std::int64_t macs) const override {
    return {array.rows, array.cols, macs};
  }
  FoldShape shape(const FoldExtents& fold, std::int64_t macs) const override {
    return {fold.m, fold.n, ceil_div(fold.k, macs)};
  }
  FoldEntries entries(const FoldShape& fold) const override {
    FoldEntries e;
    e.inputs = {fold.steps, fold.rows};
    e.weights = {fold.steps, fold.cols};
    e.results = {fold.rows, fold.block_cols()};
    return e;
  }
};

}  // namespace

const ArrayDataflow& output_stationary() {
  static const OutputStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
