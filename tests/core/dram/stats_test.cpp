// What a DRAM counts, told one by one and together.
#include "core/dram/stats.h"

#include <doctest/doctest.h>

#include <random>

namespace bitjoule::test::dram_stats_test {

TEST_CASE("dram statistics: a value so many times is so many values") {
  std::mt19937_64 random(1);
  Histogram together, one_by_one;
  for (int i = 0; i < 300; ++i) {
    const auto value = static_cast<std::int64_t>(random() % 70'000);
    const auto times = static_cast<std::int64_t>(1 + random() % 5);
    together.add(value, times);
    for (std::int64_t n = 0; n < times; ++n) one_by_one.add(value);
  }
  CHECK(together.count() == one_by_one.count());
  CHECK(together.min() == one_by_one.min());
  CHECK(together.max() == one_by_one.max());
  CHECK(together.mean() == one_by_one.mean());
  for (const double share : {0.01, 0.3, 0.5, 0.9, 1.0})
    CHECK(together.percentile(share) == one_by_one.percentile(share));
}

/// Bins are of 4 cycles at first, ending with cycles 4, 8, ...; 512 of them end with cycle 2048,
/// so that rising cycles beyond double their width.
TEST_CASE("dram statistics: bytes of a bin may be told together, with its last cycle at most") {
  BandwidthTimeline together(2), one_by_one(2);
  CHECK(together.bin_end(1) == 4);
  CHECK(together.bin_end(4) == 4);
  CHECK(together.bin_end(5) == 8);
  std::mt19937_64 random(2);
  std::int64_t cycle = 0, bin_end = 0, bytes = 0, last = 0;
  for (int i = 0; i < 2000; ++i) {
    cycle += static_cast<std::int64_t>(1 + random() % 6);
    one_by_one.add(cycle, 64, false);
    if (cycle > bin_end) {
      if (bytes > 0) together.add(last, bytes, false);
      bytes = 0;
      bin_end = together.bin_end(cycle);
    }
    bytes += 64;
    last = cycle;
  }
  together.add(last, bytes, false);
  CHECK(cycle > 2 * 2048);
  CHECK(together.bin_cycles() == one_by_one.bin_cycles());
  CHECK(together.read_bytes() == one_by_one.read_bytes());
}

}  // namespace bitjoule::test::dram_stats_test
