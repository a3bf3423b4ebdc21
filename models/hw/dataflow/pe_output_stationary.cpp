#include "hw/dataflow/pe_dataflow.h"

namespace bitjoule {
namespace {

class PeOutputStationary : public PeDataflow {
 public:
  bool outputs_stay() const override { return true; }
  EdgeWord west(const FoldJob& fold, std::int64_t row, std::int64_t step) const override {
    const BlockPlace r = row_of(fold, row);
    return {true, r.g, fold.m0 + r.index, step};
  }
  std::optional<EdgeWord> north(const FoldJob& fold, std::int64_t column,
                                std::int64_t step) const override {
    const BlockPlace c = column_of(fold, column);
    return EdgeWord{false, c.g, fold.n0 + c.index, step};
  }
  std::optional<ResultPlace> result(const FoldJob& fold, std::int64_t column,
                                    std::int64_t row) const override {
    const BlockPlace r = row_of(fold, row), c = column_of(fold, column);
    if (r.g != c.g) return std::nullopt;
    return ResultPlace{c.g, fold.m0 + r.index, fold.n0 + c.index};
  }
};

}  // namespace

const PeDataflow& pe_output_stationary() {
  static const PeOutputStationary kDataflow;
  return kDataflow;
}

}  // namespace bitjoule
