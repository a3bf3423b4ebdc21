#include "core/mapping/dataflow/dataflow.h"
#include "core/units.h"

namespace bitjoule {
namespace {

/// Weights stay: k on rows, n on columns, pixels enter from the west, sums leave at the south.
class WeightStationary : public ArrayDataflow {
 public:
  LoopDim streamed() const override { return LoopDim::kM; }
  LoopDim columns() const override { return LoopDim::kN; }
  FoldExtents quanta(const ArrayConfig& array, std::int64_t macs) const override {
    return {1, array.cols, array.rows * macs};
  }
  FoldShape shape(const FoldExtents& fold, std::int64_t macs) const override {
    return {ceil_div(fold.k, macs), fold.n, fold.m};
  }
  FoldEntries entries(const FoldShape& fold) const override {
    FoldEntries e;
    e.weights = {fold.rows, fold.block_cols()};
    e.inputs = {fold.steps, fold.rows};
    e.results = {fold.steps, fold.cols};
    return e;
  }
};

}  // namespace

const ArrayDataflow& weight_stationary() {
  static const WeightStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
