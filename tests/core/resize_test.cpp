#include "core/resize.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "core/interrupt.h"

namespace bitjoule::resize_test {

TEST_CASE("resize: grows and shrinks as a vector does and asks only between steps of 4 MiB") {
  int asked = 0;
  const InterruptScope scope([&] { ++asked; });
  std::vector<std::uint32_t> values{7};
  resize(values, 1U << 20);
  CHECK(asked == 0);
  resize(values, (3U << 20) + 1);
  CHECK(asked == 2);
  REQUIRE(values.size() == (3U << 20) + 1);
  CHECK(values.front() == 7);
  CHECK(values.back() == 0);
  resize(values, 1);
  CHECK(asked == 2);
  CHECK(values == std::vector<std::uint32_t>{7});
}

TEST_CASE("resize: what a check throws stops it at a step") {
  const InterruptScope scope([] { throw std::runtime_error("enough"); });
  std::vector<char> values;
  CHECK_THROWS_WITH(resize(values, 9U << 20), "enough");
  CHECK(values.size() == (4U << 20));
}

}  // namespace bitjoule::resize_test
