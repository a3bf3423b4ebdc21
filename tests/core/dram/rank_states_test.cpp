// How long ranks are in which state: sums to the clock, written as the commands' distances.
#include "core/dram/rank_states.h"

#include <doctest/doctest.h>

#include <random>

#include "core/dram/cycle.h"
#include "core/dram/driver.h"
#include "support/dram_configs.h"

namespace bitjoule::test::rank_states_test {
namespace {

/// Reads of one burst each at these addresses and cycles.
class Reads : public RequestSource {
 public:
  explicit Reads(std::vector<std::pair<std::int64_t, std::int64_t>> reads)
      : reads_(std::move(reads)) {}
  bool next(TimedRequest* r) override {
    if (at_ == reads_.size()) return false;
    r->request = {reads_[at_].first, 32, false, 0};
    r->cycle = reads_[at_++].second;
    return true;
  }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> reads_;
  std::size_t at_ = 0;
};

DramStats stats_of(const CycleDramConfig& config,
                   std::vector<std::pair<std::int64_t, std::int64_t>> reads, std::int64_t until) {
  CycleDram dram(config);
  Reads source(std::move(reads));
  drive(&dram, &source);
  return dram.stats(until);
}

std::int64_t sum(const DramStates& s) { return s.open + s.closed + s.power_down + s.refreshing; }

/// small_dram() with names for power-down.
CycleDramConfig with_power_down(std::int64_t after) {
  CycleDramConfig c = small_dram();
  c.timing.values["tXP"] = 6;
  c.timing.values["tCKE"] = 5;
  c.controller.power_down = after;
  return c;
}

constexpr std::int64_t kReadToData = 10 + 4, kActToRead = 9, kPrecharge = 7, kRefresh = 100;

}  // namespace

TEST_CASE("rank states: from the activate on a bank is open, and refreshes take their time") {
  // Accepted at 0, its ACT in clock 1; nothing closes the row before the refresh at 1000.
  CycleDramConfig config = small_dram();
  const DramStates before = stats_of(config, {{0, 0}}, 900).states;
  CHECK(before.closed == 1);
  CHECK(before.open == 899);
  CHECK(before.open_banks == 899);
  // At 1000 PREA, at 1007 REF, done at 1107; the next is due at 2000.
  const DramStates after = stats_of(config, {{0, 0}}, 1500).states;
  CHECK(after.open == 999);
  CHECK(after.refreshing == kRefresh);
  CHECK(after.closed == 1 + kPrecharge + (1500 - 1000 - kPrecharge - kRefresh));
  // Cut in the middle of a refresh.
  CHECK(stats_of(config, {{0, 0}}, 1050).states.refreshing == 1050 - 1007);
}

TEST_CASE("rank states: a rank is open while any bank is, banks add up") {
  // Two banks of different groups: 8 bursts of 32 bytes in a row, bank groups above banks.
  CycleDramConfig config = small_dram();
  config.mapping = {"row", "bank", "bank_group", "column"};
  const DramStates s = stats_of(config, {{0, 0}, {8 * 32, 0}}, 500).states;
  // ACTs in clocks 1 and, tRRD later, 6.
  CHECK(s.open == 499);
  CHECK(s.open_banks == 499 + (500 - 6));
  CHECK(s.closed == 1);
}

TEST_CASE("rank states: rows that close by themselves close when they may, in whatever order") {
  CycleDramConfig config = small_dram();
  config.controller.page_policy = PagePolicy::kClosed;
  config.mapping = {"row", "bank", "bank_group", "column"};
  // ACT 1, RD 10; PRE when tRAS (21) allows, later than RD + tRTP (16).
  DramStates s = stats_of(config, {{0, 0}}, 500).states;
  CHECK(s.open == 20);
  CHECK(s.closed == 480);
  // A second bank opens at 6 and closes at 26.
  s = stats_of(config, {{0, 0}, {8 * 32, 0}}, 500).states;
  CHECK(s.open == 26 - 1);
  CHECK(s.open_banks == 20 + 20);
  CHECK(s.closed == 500 - 25);
}

TEST_CASE("rank states: idle refreshes are arithmetic and count as if each were sent") {
  CycleDramConfig config = small_dram();
  const std::int64_t until = 1'000'500;
  const DramStates s = stats_of(config, {{0, 0}}, until).states;
  CHECK(s.refreshing == 1000 * kRefresh);  // due at 1000, 2000, ..., 1'000'000
  CHECK(s.open == 999);
  CHECK(sum(s) == until);

  std::vector<DramCommandRecord> trace;  // skips none
  CycleDram slow(config);
  slow.record(&trace);
  Reads source({{0, 0}});
  drive(&slow, &source);
  const DramStates t = slow.stats(until).states;
  CHECK(t.refreshing == s.refreshing);
  CHECK(t.closed == s.closed);
  CHECK(t.open == s.open);
}

TEST_CASE("rank states: states of all ranks sum to clocks x ranks on any traffic") {
  for (const PagePolicy pages : {PagePolicy::kOpen, PagePolicy::kClosed})
    for (const std::int64_t power_down : {0, 1, 40, 1500}) {
      CycleDramConfig config = with_power_down(power_down);
      config.controller.page_policy = pages;
      config.organization.channels = 2;
      config.mapping = {"row", "bank", "bank_group", "column", "channel"};
      std::mt19937_64 random(7);
      std::vector<std::pair<std::int64_t, std::int64_t>> reads;
      std::int64_t cycle = 0;
      for (int i = 0; i < 3000; ++i) {
        cycle += random() % 8 == 0 ? static_cast<std::int64_t>(random() % 5000) : 0;
        reads.emplace_back(static_cast<std::int64_t>(random() % 1024) * 32, cycle);
      }
      CAPTURE(power_down);
      const DramStats s = stats_of(config, reads, cycle + 12'345);
      CHECK(sum(s.states) == s.cycles * s.ranks);
      CHECK((s.states.power_down > 0) == (power_down > 0));
      CHECK(s.states.open_banks >= s.states.open);
    }
}

TEST_CASE("power-down: default off, and what it costs a read") {
  // The read at 0 ends at 1 + tRCD + CL + burst.
  const std::int64_t end = 1 + kActToRead + kReadToData;
  CHECK(stats_of(small_dram(), {{0, 0}}, 500).states.power_down == 0);
  // 40 clocks later the row is closed by PREA, which takes a clock on the bus.
  const DramStates s = stats_of(with_power_down(40), {{0, 0}}, 500).states;
  CHECK(s.open == end + 40 - 1);
  CHECK(s.power_down == 500 - (end + 40 + 1));
  CHECK(s.power_downs == 1);
  // A read that finds the rank down waits for tXP, and for its row.
  const auto latency = [](std::int64_t power_down, std::int64_t cycle) {
    return stats_of(with_power_down(power_down), {{0, 0}, {0, cycle}}, 900).latency.max();
  };
  CHECK(latency(0, 500) == end);
  CHECK(latency(40, 500) == end + 6);
  // One that comes when the rank has just gone down waits until it may wake: tCKE.
  const std::int64_t down = end + 40 + 1;
  CHECK(latency(40, down) == end + 6 + 5 - 1);
  CHECK(latency(40, down + 2) == end + 6 + 5 - 3);
  CHECK(latency(40, down - 1) == end + kPrecharge - 1);  // PREA has gone, no power-down yet
}

TEST_CASE("power-down: refreshes wake the rank, one by one or counted") {
  const std::int64_t until = 1'000'500, down = 1 + kActToRead + kReadToData + 40 + 1;
  const DramStates s = stats_of(with_power_down(40), {{0, 0}}, until).states;
  // Each refresh: tXP awake, tRFC, and back.
  CHECK(s.refreshing == 1000 * kRefresh);
  CHECK(s.closed == 1 + 1 + 1000 * 6);
  CHECK(s.power_down == (1000 - down) + 999 * (1000 - 6 - kRefresh) + (500 - 6 - kRefresh));
  CHECK(s.power_downs == 1001);
  CHECK(sum(s) == until);

  CycleDram slow(with_power_down(40));
  std::vector<DramCommandRecord> trace;
  slow.record(&trace);
  Reads source({{0, 0}});
  drive(&slow, &source);
  const DramStates t = slow.stats(until).states;
  CHECK(t.power_down == s.power_down);
  CHECK(t.closed == s.closed);
  CHECK(t.power_downs == s.power_downs);
  // Without refreshes it stays down.
  CycleDramConfig none = with_power_down(40);
  none.controller.refresh = RefreshPolicy::kNone;
  CHECK(stats_of(none, {{0, 0}}, until).states.power_down == until - down);
}

TEST_CASE("power-down: a file that uses it has its timings") {
  CycleDramConfig config = small_dram();
  config.controller.power_down = 10;
  CHECK_THROWS_WITH(CycleDram{config}, "timing.tXP: missing\ntiming.tCKE: missing");
}

}  // namespace bitjoule::test::rank_states_test
