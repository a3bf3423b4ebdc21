#include "hw/dataflow/pe_dataflow.h"

namespace bitjoule {
namespace {

class PeWeightStationary : public PeDataflow {
 public:
  bool outputs_stay() const override { return false; }
  EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const override {
    const BlockPlace r = row_of(fold, row);
    return {true, r.g, fold.m0 + step, r.index};
  }
  std::optional<EdgeWord> north(const FoldJob& fold, std::int64_t column,
                                std::int64_t row) const override {
    const BlockPlace r = row_of(fold, row), c = column_of(fold, column);
    if (r.g != c.g) return std::nullopt;
    return EdgeWord{false, c.g, fold.n0 + c.index, r.index};
  }
  std::optional<ResultPlace> result(const FoldJob& fold, std::int64_t column,
                                    std::int64_t step) const override {
    const BlockPlace c = column_of(fold, column);
    return ResultPlace{c.g, fold.m0 + step, fold.n0 + c.index};
  }
};

}  // namespace

const PeDataflow& pe_weight_stationary() {
  static const PeWeightStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
