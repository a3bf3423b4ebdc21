#include "hw/dataflow/pe_dataflow.h"

namespace bitjoule {
namespace {

class PeWeightStationary : public PeDataflow {
 public:
  bool outputs_stay() const override { return false; }
  EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const override {
    return {true, fold.m0 + step, row};
  }
  EdgeWord north(const FoldJob& fold, std::int64_t column, std::int64_t row) const override {
    return {false, fold.n0 + column, row};
  }
  ResultPlace result(const FoldJob& fold, std::int64_t column, std::int64_t step) const override {
    return {fold.m0 + step, fold.n0 + column};
  }
};

}  // namespace

const PeDataflow& pe_weight_stationary() {
  static const PeWeightStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
