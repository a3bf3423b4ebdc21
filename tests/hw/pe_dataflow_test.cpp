// The words that meet in the PEs are those of one product, whatever the dataflow.
#include "hw/dataflow/pe_dataflow.h"

#include <doctest/doctest.h>

#include <array>
#include <set>

#include "core/enums.h"

namespace bitjoule::pe_dataflow_test {

TEST_CASE("pe dataflow: every pair of words that a product needs meets once") {
  constexpr std::int64_t kMacs = 2;
  FoldJob fold;
  fold.g0 = 5, fold.g1 = 7;
  fold.m0 = 10, fold.m1 = 13, fold.n0 = 20, fold.n1 = 24, fold.k0 = 100, fold.k1 = 109;
  for (const EnumRow<Dataflow>& row : enum_rows<Dataflow>()) {
    CAPTURE(row.name);
    const PeDataflow& pe = pe_dataflow(row.value);
    const ArrayDataflow& array = array_dataflow(row.value);
    CHECK(pe.outputs_stay() == array.outputs_stay());
    fold.shape = side_by_side(array.shape({fold.m(), fold.n(), fold.k()}, kMacs), fold.groups());
    std::set<std::array<std::int64_t, 4>> met;  // g, m, n, word
    for (std::int64_t r = 0; r < fold.shape.rows; ++r)
      for (std::int64_t c = 0; c < fold.shape.cols; ++c)
        for (std::int64_t step = 0; step < fold.shape.steps; ++step) {
          const EdgeWord west = pe.west(fold, r, step);
          const std::optional<EdgeWord> north = pe.north(fold, c, pe.outputs_stay() ? step : r);
          const std::optional<ResultPlace> place = pe.result(fold, c, pe.outputs_stay() ? r : step);
          // Off the diagonal nothing stays in a PE; or what meets is of two groups.
          if (!north || north->g != west.g) {
            CHECK((pe.outputs_stay() ? north && !place : !north));
            continue;
          }
          CHECK(west.inputs != north->inputs);
          CHECK(west.word == north->word);
          REQUIRE(place);
          CHECK(place->g == west.g);
          CHECK(place->m == (west.inputs ? west : *north).row);
          CHECK(place->n == (west.inputs ? *north : west).row);
          CHECK(met.insert({place->g, place->m, place->n, west.word}).second);
        }
    CHECK(met.size() == 2 * 3 * 4 * 5);
    CHECK((*met.begin())[0] == fold.g0);
    CHECK((*met.begin())[1] == fold.m0);
    CHECK((*met.begin())[2] == fold.n0);
  }
}

}  // namespace bitjoule::pe_dataflow_test
