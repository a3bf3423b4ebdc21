// What lies on the array, what stays and what streams: the table of docs/timing.md, "A fold".
#include "core/mapping/dataflow/dataflow.h"

#include <doctest/doctest.h>

#include <array>

#include "core/enums.h"

namespace bitjoule::dataflow_test {
namespace {

using Sizes = std::array<std::int64_t, 3>;

Sizes sizes(const FoldExtents& e) { return {e.m, e.n, e.k}; }
Sizes sizes(const FoldShape& s) { return {s.rows, s.cols, s.steps}; }

}  // namespace

TEST_CASE("dataflow: rows, columns and steps are those of the table") {
  ArrayConfig array;
  array.rows = 5;
  array.cols = 7;
  const FoldExtents fold{3, 6, 17};  // k: nine words of two
  const auto& ws = array_dataflow(Dataflow::kWeightStationary);
  CHECK(sizes(ws.quanta(array, 2)) == Sizes{1, 7, 10});
  CHECK(sizes(ws.shape(fold, 2)) == Sizes{9, 6, 3});
  CHECK(ws.weights_stay());
  CHECK(ws.columns() == LoopDim::kN);
  const auto& os = array_dataflow(Dataflow::kOutputStationary);
  CHECK(sizes(os.quanta(array, 2)) == Sizes{5, 7, 2});
  CHECK(sizes(os.shape(fold, 2)) == Sizes{3, 6, 9});
  CHECK(os.outputs_stay());
  CHECK(os.columns() == LoopDim::kN);
  const auto& is = array_dataflow(Dataflow::kInputStationary);
  CHECK(sizes(is.quanta(array, 2)) == Sizes{7, 1, 10});
  CHECK(sizes(is.shape(fold, 2)) == Sizes{9, 3, 6});
  CHECK(is.inputs_stay());
  CHECK(is.columns() == LoopDim::kM);
}

TEST_CASE("dataflow: operands enter once per fold and as words, sums leave once") {
  const FoldExtents fold{3, 6, 17};
  const std::int64_t macs = 2, words = 9;
  for (const EnumRow<Dataflow>& row : enum_rows<Dataflow>()) {
    CAPTURE(row.name);
    const ArrayDataflow& dataflow = array_dataflow(row.value);
    const FoldEntries e = dataflow.entries(dataflow.shape(fold, macs));
    CHECK(e.inputs.count * e.inputs.width == fold.m * words);
    CHECK(e.weights.count * e.weights.width == fold.n * words);
    CHECK(e.results.count * e.results.width == fold.m * fold.n);
    CHECK(dataflow.weights_stay() + dataflow.inputs_stay() + dataflow.outputs_stay() == 1);
  }
}

}  // namespace bitjoule::dataflow_test
