#include "core/few.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace bitjoule::few_test {
namespace {

struct Pair {
  std::int64_t a = 0;
  double b = 0;
};

template <std::size_t InPlace>
void check_equal(const Few<Pair, InPlace>& few, const std::vector<Pair>& expected) {
  REQUIRE(few.size() == expected.size());
  CHECK(few.empty() == expected.empty());
  std::size_t i = 0;
  for (const Pair& pair : few) {
    CHECK(pair.a == expected[i].a);
    CHECK(pair.b == expected[i].b);
    CHECK(&few[i] == &pair);
    ++i;
  }
  if (expected.empty()) return;
  CHECK(few.front().a == expected.front().a);
  CHECK(few.back().a == expected.back().a);
}

}  // namespace

TEST_CASE("few: as a vector, whether there are few or many") {
  std::mt19937 random(7);
  const auto below = [&](std::size_t end) { return random() % end; };
  for (int round = 0; round < 100; ++round) {
    Few<Pair, 3> few;
    std::vector<Pair> expected;
    for (std::int64_t step = 0; step < 60; ++step) {
      const std::size_t kind = below(10);
      if (kind < 5 || expected.empty()) {
        few.push_back({step, 0.5});
        expected.push_back({step, 0.5});
      } else if (kind < 6) {  // one of its own, which may move
        const std::size_t at = below(expected.size());
        few.push_back(few[at]);
        expected.push_back(Pair(expected[at]));
      } else if (kind < 9) {
        const std::size_t at = below(expected.size()), count = below(expected.size() - at + 1);
        few.erase(at, count);
        expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at),
                       expected.begin() + static_cast<std::ptrdiff_t>(at + count));
      } else {
        few.pop_back();
        expected.pop_back();
      }
      check_equal(few, expected);
      const Few<Pair, 3> copy = few;
      check_equal(copy, expected);
    }
    few.clear();
    check_equal(few, {});
  }
}

}  // namespace bitjoule::few_test
