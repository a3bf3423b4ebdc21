// Statistics of several DRAM runs, added up as those of one.
#include "core/dram/stats_sum.h"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>

namespace bitjoule::test::stats_sum_test {
namespace {

std::int64_t sum(const std::vector<std::int64_t>& v) {
  return std::accumulate(v.begin(), v.end(), std::int64_t{0});
}

/// `bursts` reads of 64 bytes, one every 4 cycles, and a write of 64 bytes at the end.
DramStats epoch(std::int64_t bursts, std::int64_t latency) {
  DramStats s;
  s.period = Femtoseconds(833'000);
  s.latency_unit = s.period;
  s.cycles = 4 * bursts + 4;
  s.reads = bursts;
  s.writes = 1;
  s.read_bytes = 64 * bursts;
  s.write_bytes = 64;
  s.row_hits = bursts;
  s.row_misses = 1;
  s.max_queued = latency;
  s.bus.busy = 4 * (bursts + 1);
  s.commands[0] = 1;
  for (std::int64_t i = 1; i <= bursts; ++i) {
    s.latency.add(latency);
    s.timeline.add(4 * i, 64, false);
  }
  s.timeline.add(s.cycles, 64, true);
  return s;
}

}  // namespace

TEST_CASE("dram sums: counts are exact sums, percentiles are those of all samples") {
  const DramStats a = epoch(100, 20), b = epoch(50, 50);
  const DramStats s = sum_of_epochs({{&a, 3}, {&b, 4}});
  CHECK(s.cycles == 3 * 404 + 4 * 204);
  CHECK(s.reads == 3 * 100 + 4 * 50);
  CHECK(s.writes == 7);
  CHECK(s.read_bytes == 64 * s.reads);
  CHECK(s.row_hits == s.reads);
  CHECK(s.row_misses == 7);
  CHECK(s.commands[0] == 7);
  CHECK(s.bus.busy == s.cycles);
  CHECK(s.max_queued == 50);
  CHECK(s.latency.count() == 500);
  CHECK(s.latency.min() == 20);
  CHECK(s.latency.max() == 50);
  CHECK(s.latency.mean() == (300.0 * 20 + 200 * 50) / 500);
  CHECK(s.latency.percentile(0.60) == 20);  // 300 of 500
  CHECK(s.latency.percentile(0.61) == 50);
}

TEST_CASE("dram sums: the timeline lays epochs end to end and loses no byte") {
  const DramStats a = epoch(100, 20), b = epoch(50, 50);
  const DramStats s = sum_of_epochs({{&a, 3}, {&b, 4}});
  const std::vector<std::int64_t>& reads = s.timeline.read_bytes();
  CHECK(s.timeline.bin_cycles() == 64);
  CHECK(reads.size() == (3 * 404 + 4 * 204 + 63) / 64);
  CHECK(sum(reads) == s.read_bytes);
  CHECK(sum(s.timeline.write_bytes()) == s.write_bytes);
  for (std::size_t i = 0; i < 6; ++i) CHECK(reads[i] == 64 * 16);  // as the first epoch alone
  // Later bins hold a burst every 4 clocks but for the write's 4, wherever an epoch's bin is cut.
  for (std::size_t i = 6; i + 1 < reads.size(); ++i) {
    CHECK(reads[i] >= 64 * 14);
    CHECK(reads[i] <= 64 * 16);
  }
}

TEST_CASE("dram sums: very many repetitions stay within the bins and exact") {
  const DramStats a = epoch(1000, 20);
  const std::int64_t times = 1'000'000'007;
  const DramStats s = sum_of_epochs({{&a, times}});
  CHECK(s.timeline.read_bytes().size() <= 512);
  CHECK(s.timeline.bin_cycles() * 512 >= 4004 * times);
  CHECK(sum(s.timeline.read_bytes()) == 64000 * times);
  CHECK(s.latency.count() == 1000 * times);
}

TEST_CASE("dram sums: a sum of femtoseconds beyond the largest integer keeps its timeline") {
  DramStats a = epoch(1000, 20);  // of the ideal model, where a cycle is a femtosecond
  a.period = Femtoseconds(1);
  a.cycles = std::int64_t{1} << 61;
  a.timeline = BandwidthTimeline(52);
  a.timeline.add(a.cycles, a.read_bytes, false);
  const DramStats s = sum_of_epochs({{&a, 1000}});
  CHECK(s.cycles == std::numeric_limits<std::int64_t>::max());
  CHECK(sum(s.timeline.read_bytes()) == 1000 * a.read_bytes);
  CHECK(s.timeline.read_bytes().size() <= 512);
}

TEST_CASE("dram sums: nothing gives nothing") {
  const DramStats idle;
  CHECK(sum_of_epochs({}).cycles == 0);
  const DramStats s = sum_of_epochs({{&idle, 5}});
  CHECK(s.cycles == 0);
  CHECK(s.timeline.read_bytes().empty());
}

}  // namespace bitjoule::test::stats_sum_test
