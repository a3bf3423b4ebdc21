#include "core/dram/actions.h"

#include <string>

namespace bitjoule {
namespace {

Action dram_action(const char* activity, Primitive primitive, std::int64_t count) {
  Action a;
  a.component = "dram";
  a.activity = activity;
  a.primitive = primitive;
  a.count = count;
  return a;
}

}  // namespace

void append_dram_bits(const DramStats& stats, Counts* counts) {
  counts->push_back(dram_action("read", Primitive::kDramRead, 8 * stats.read_bytes));
  counts->push_back(dram_action("write", Primitive::kDramWrite, 8 * stats.write_bytes));
  counts->push_back(
      dram_action("phy", Primitive::kDramPhy, 8 * (stats.read_bytes + stats.write_bytes)));
}

std::int64_t powered_nanoseconds(std::int64_t ranks, std::int64_t cycles, Femtoseconds period) {
  constexpr std::int64_t kNanosecond = 1'000'000;  // in femtoseconds
  return ranks * (cycles * (period.value / 1000) / (kNanosecond / 1000));
}

std::int64_t whole_picoseconds(std::int64_t clocks, Femtoseconds period) {
  __extension__ using wide = __int128;
  return static_cast<std::int64_t>(wide(clocks) * period.value / 1000);
}

namespace {

struct CommandRow {
  const char* activity;
  Primitive primitive;
};
constexpr CommandRow kCommandRows[kDramCounts] = {
    {"activate", Primitive::kDramActivate},
    {"read_burst", Primitive::kDramReadBurst},
    {"write_burst", Primitive::kDramWriteBurst},
    {"refresh", Primitive::kDramRefresh},
    {"refresh_bank", Primitive::kDramRefreshBank},
    {"background", Primitive::kDramBackground},
    {"background_open", Primitive::kDramOpen},
    {"background_closed", Primitive::kDramClosed},
    {"background_power_down", Primitive::kDramPowerDown},
    {"background_refreshing", Primitive::kDramRefreshing},
    {"background_banks", Primitive::kDramOpenBanks}};

}  // namespace

std::array<std::int64_t, kDramCounts> dram_counts(const DramStats& s) {
  const auto count = [&s](DramCommand c) { return s.commands[static_cast<std::size_t>(c)]; };
  const auto time = [&s](std::int64_t clocks) { return whole_picoseconds(clocks, s.period); };
  return {count(DramCommand::kAct),     count(DramCommand::kRead),
          count(DramCommand::kWrite),   count(DramCommand::kRefAll),
          count(DramCommand::kRefBank), powered_nanoseconds(s.ranks, s.cycles, s.period),
          time(s.states.open),          time(s.states.closed),
          time(s.states.power_down),    time(s.states.refreshing),
          time(s.states.open_banks)};
}

Action dram_command(std::size_t i, std::int64_t rank_refreshes, std::int64_t count) {
  Action action = dram_action(kCommandRows[i].activity, kCommandRows[i].primitive, count);
  if (action.primitive == Primitive::kDramRefreshBank)
    action.type = "1/" + std::to_string(rank_refreshes);
  return action;
}

void append_dram_commands(const DramStats& stats, Counts* counts) {
  if (stats.ranks == 0) return;
  const std::array<std::int64_t, kDramCounts> all = dram_counts(stats);
  for (std::size_t i = 0; i < kDramCounts; ++i)
    counts->push_back(dram_command(i, stats.rank_refreshes, all[i]));
}

}  // namespace bitjoule
