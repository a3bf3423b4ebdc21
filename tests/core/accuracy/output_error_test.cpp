#include "core/accuracy/output_error.h"

#include <doctest/doctest.h>

#include <cmath>

namespace bitjoule::output_error_test {

TEST_CASE("output error: in pieces as at once") {
  const float values[] = {3, 5, 1};
  const double reference[] = {3, 4, 0};
  OutputError whole, first, rest;
  whole.add(values, reference, 3);
  first.add(values, reference, 1);
  rest.add(values + 1, reference + 1, 2);
  CHECK(std::isinf(first.sqnr_db()));
  first += rest;
  CHECK(whole.signal == 25);
  CHECK(whole.noise == 2);
  CHECK(first.sqnr_db() == doctest::Approx(10 * std::log10(12.5)));
}

}  // namespace bitjoule::output_error_test
