#include "core/clock.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <random>

namespace bitjoule::clock_test {

TEST_CASE("clock: edges of 700 MHz do not drift") {
  const Clock core = Clock::from_frequency(Hertz(700'000'000));
  // 7 periods of 1/700 MHz are exactly 10 ns.
  CHECK(core.edge(Cycles(7)).value == 10'000'000);
  CHECK(core.edge(Cycles(7'000'000'000)).value == 10'000'000'000'000'000);
  CHECK(core.edge(Cycles(1)).value == 1'428'571);
}

TEST_CASE("clock: at_or_after inverts edge, one femtosecond either side") {
  for (const Clock clock :
       {Clock::from_frequency(Hertz(700'000'000)), Clock::from_frequency(Hertz(1'000'000'000)),
        Clock::from_period(Femtoseconds(833'000))}) {
    for (std::int64_t n : {1, 2, 3, 7, 1000, 999'999'937}) {
      const Femtoseconds edge = clock.edge(Cycles(n));
      CHECK(clock.at_or_after(edge).value == n);
      CHECK(clock.at_or_after(edge - Femtoseconds(1)).value == n);
      CHECK(clock.at_or_after(edge + Femtoseconds(1)).value == n + 1);
    }
    CHECK(clock.at_or_after(Femtoseconds(0)).value == 0);
  }
}

TEST_CASE("clock: a cursor answers as its clock does, wherever it was before") {
  std::mt19937_64 random(5);
  for (const Clock clock :
       {Clock::from_frequency(Hertz(700'000'000)), Clock::from_frequency(Hertz(1'000'000'000)),
        Clock::from_period(Femtoseconds(833'000))}) {
    ClockCursor cursor(clock);
    std::int64_t t = 0;
    for (int i = 0; i < 10'000; ++i) {
      // Mostly small steps, back and forth, some of them onto an edge; now and then far away.
      t = i % 100 == 0 ? static_cast<std::int64_t>(random() >> 8)
                       : t + static_cast<std::int64_t>(random() % 4'000'000) - 1'500'000;
      t = std::max<std::int64_t>(t, 0);
      if (i % 3 == 0) t = clock.edge(clock.at_or_after(Femtoseconds(t))).value;
      const Cycles n = clock.at_or_after(Femtoseconds(t));
      REQUIRE(cursor.at_or_after(Femtoseconds(t)) == n);
      REQUIRE(cursor.edge(n) == clock.edge(n));
      REQUIRE(cursor.edge(n + Cycles(3)) == clock.edge(n + Cycles(3)));
    }
  }
}

}  // namespace bitjoule::clock_test
