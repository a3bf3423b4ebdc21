#include "hw/dataflow/pe_dataflow.h"

namespace bitjoule {
namespace {

class PeOutputStationary : public PeDataflow {
 public:
  bool outputs_stay() const override { return true; }
  EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const override {
    return {true, fold.m0 + row, step};
  }
  EdgeWord north(const FoldJob& fold, std::int64_t column, std::int64_t step) const override {
    return {false, fold.n0 + column, step};
  }
  ResultPlace result(const FoldJob& fold, std::int64_t column, std::int64_t row) const override {
    return {fold.m0 + row, fold.n0 + column};
  }
};

}  // namespace

const PeDataflow& pe_output_stationary() {
  static const PeOutputStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
