#include "core/dram/actions.h"

#include <doctest/doctest.h>

namespace bitjoule {
namespace {

std::int64_t count_of(const Counts& counts, const std::string& activity) {
  for (const Action& action : counts)
    if (action.activity == activity) return action.count;
  return -1;
}

}  // namespace

TEST_CASE("dram actions: refreshes of single banks add up to all-bank ones") {
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
  CHECK(count_of(counts, "refresh") == 3 + 3);  // 17 of 8 are three, the last of them begun
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

}  // namespace bitjoule
