#include "hw/dataflow/pe_dataflow.h"

namespace bitjoule {
namespace {

class PeInputStationary : public PeDataflow {
 public:
  bool outputs_stay() const override { return false; }
  EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const override {
    const BlockPlace r = row_of(fold, row);
    return {false, r.g, fold.n0 + step, r.index};
  }
  std::optional<EdgeWord> north(const FoldJob& fold, std::int64_t column,
                                std::int64_t row) const override {
    const BlockPlace r = row_of(fold, row), c = column_of(fold, column);
    if (r.g != c.g) return std::nullopt;
    return EdgeWord{true, c.g, fold.m0 + c.index, r.index};
  }
  std::optional<ResultPlace> result(const FoldJob& fold, std::int64_t column,
                                    std::int64_t step) const override {
    const BlockPlace c = column_of(fold, column);
    return ResultPlace{c.g, fold.m0 + c.index, fold.n0 + step};
  }
};

}  // namespace

const PeDataflow& pe_input_stationary() {
  static const PeInputStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
