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
}

std::int64_t powered_nanoseconds(std::int64_t ranks, std::int64_t cycles, Femtoseconds period) {
  constexpr std::int64_t kNanosecond = 1'000'000;  // in femtoseconds
  return ranks * (cycles * (period.value / 1000) / (kNanosecond / 1000));
}

std::int64_t whole_picoseconds(std::int64_t clocks, Femtoseconds period) {
  __extension__ using wide = __int128;
  return static_cast<std::int64_t>(wide(clocks) * period.value / 1000);
}

void append_dram_commands(const DramStats& stats, Counts* counts) {
  if (stats.ranks == 0) return;
  const auto add = [&](const char* activity, Primitive primitive, std::int64_t count) -> Action& {
    counts->push_back(dram_action(activity, primitive, count));
    return counts->back();
  };
  const auto add_command = [&](const char* activity, Primitive primitive,
                               DramCommand command) -> Action& {
    return add(activity, primitive, stats.commands[static_cast<std::size_t>(command)]);
  };
  const auto time = [&](std::int64_t clocks) { return whole_picoseconds(clocks, stats.period); };
  add_command("activate", Primitive::kDramActivate, DramCommand::kAct);
  add_command("read_burst", Primitive::kDramReadBurst, DramCommand::kRead);
  add_command("write_burst", Primitive::kDramWriteBurst, DramCommand::kWrite);
  add_command("refresh", Primitive::kDramRefresh, DramCommand::kRefAll);
  add_command("refresh_bank", Primitive::kDramRefreshBank, DramCommand::kRefBank).type =
      "1/" + std::to_string(stats.rank_refreshes);
  add("background", Primitive::kDramBackground,
      powered_nanoseconds(stats.ranks, stats.cycles, stats.period));
  add("background_open", Primitive::kDramOpen, time(stats.states.open));
  add("background_closed", Primitive::kDramClosed, time(stats.states.closed));
  add("background_power_down", Primitive::kDramPowerDown, time(stats.states.power_down));
  add("background_refreshing", Primitive::kDramRefreshing, time(stats.states.refreshing));
  add("background_banks", Primitive::kDramOpenBanks, time(stats.states.open_banks));
}

}  // namespace bitjoule
