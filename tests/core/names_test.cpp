#include "core/names.h"

#include <doctest/doctest.h>

namespace bitjoule::names_test {

TEST_CASE("names: edit distance") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("rows", "rows") == 0);
  CHECK(edit_distance("", "rows") == 4);
  CHECK(edit_distance("rows", "") == 4);
  CHECK(edit_distance("dataflw", "dataflow") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);  // k/s, e/i, +g
  CHECK(edit_distance("so", "os") == 2);
}

}  // namespace bitjoule::names_test
