#include "core/dram/actions.h"

#include <doctest/doctest.h>

namespace bitjoule::actions_test {
namespace {

std::int64_t count_of(const Counts& counts, const std::string& activity) {
  for (const Action& action : counts)
    if (action.activity == activity) return action.count;
  return -1;
}

}  // namespace

TEST_CASE("dram actions: refreshes of banks are counted apart, with their share of a rank") {
  DramStats stats;
  const auto sent = [&](DramCommand c) -> std::int64_t& {
    return stats.commands[static_cast<std::size_t>(c)];
  };
  Counts none;
  append_dram_commands(stats, &none);  // the ideal model sends no commands
  CHECK(none.empty());

  stats.ranks = 1;
  stats.rank_refreshes = 8;
  sent(DramCommand::kRefAll) = 3;
  sent(DramCommand::kRefBank) = 17;
  sent(DramCommand::kAct) = 5;
  Counts counts;
  append_dram_commands(stats, &counts);
  CHECK(count_of(counts, "refresh") == 3);
  CHECK(count_of(counts, "refresh_bank") == 17);
  for (const Action& action : counts)
    CHECK(action.type == (action.activity == "refresh_bank" ? "1/8" : ""));
  CHECK(count_of(counts, "activate") == 5);
}

TEST_CASE("dram actions: every rank of every channel is powered, also where nothing moves") {
  constexpr std::int64_t kChannels = 4, kRanks = 2, kCycles = 1200;
  DramStats stats;
  stats.ranks = kChannels * kRanks;
  stats.period = Femtoseconds(833'000);
  stats.cycles = kCycles;
  Counts counts;
  append_dram_commands(stats, &counts);
  constexpr std::int64_t kNanoseconds = kCycles * 833 / 1000;
  CHECK(count_of(counts, "background") == kChannels * kRanks * kNanoseconds);
}

TEST_CASE("dram actions: time by state is in picoseconds, and sums to that of all ranks") {
  DramStats stats;
  stats.ranks = 2;
  stats.period = Femtoseconds(833'000);
  stats.cycles = 1000;
  stats.states.open = 900;
  stats.states.closed = 800;
  stats.states.power_down = 200;
  stats.states.refreshing = 100;
  stats.states.open_banks = 1500;
  Counts counts;
  append_dram_commands(stats, &counts);
  CHECK(count_of(counts, "background_open") == 900 * 833);
  CHECK(count_of(counts, "background_closed") == 800 * 833);
  CHECK(count_of(counts, "background_power_down") == 200 * 833);
  CHECK(count_of(counts, "background_refreshing") == 100 * 833);
  CHECK(count_of(counts, "background_banks") == 1500 * 833);
}

}  // namespace bitjoule::actions_test
