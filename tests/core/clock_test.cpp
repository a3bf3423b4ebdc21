#include "core/clock.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace bitjoule {

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

}  // namespace bitjoule
