#include "core/mapping/dataflow/dataflow.h"
#include "core/units.h"

namespace bitjoule {
namespace {

/// Inputs stay: k on rows, m on columns, output channels enter from the west, sums leave at the
/// south.
class InputStationary : public ArrayDataflow {
 public:
  LoopDim streamed() const override { return LoopDim::kN; }
  LoopDim columns() const override { return LoopDim::kM; }
  FoldExtents quanta(const ArrayConfig& array, std::int64_t macs) const override {
    return {array.cols, 1, array.rows * macs};
  }
  FoldShape shape(const FoldExtents& fold, std::int64_t macs) const override {
    return {ceil_div(fold.k, macs), fold.m, fold.n};
  }
  FoldEntries entries(const FoldShape& fold) const override {
    FoldEntries e;
    e.inputs = {fold.rows, fold.block_cols()};
    e.weights = {fold.steps, fold.rows};
    e.results = {fold.steps, fold.cols};
    return e;
  }
};

}  // namespace

const ArrayDataflow& input_stationary() {
  static const InputStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
