#include "core/dram/actions.h"

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

void append_dram_commands(const DramStats& stats, Counts* counts) {
  const auto sent = [&](DramCommand c) { return stats.commands[static_cast<std::size_t>(c)]; };
  const std::int64_t refreshes =
      sent(DramCommand::kRefAll) + ceil_div(sent(DramCommand::kRefBank), stats.rank_refreshes);
  if (stats.ranks == 0) return;
  counts->push_back(dram_action("activate", Primitive::kDramActivate, sent(DramCommand::kAct)));
  counts->push_back(dram_action("read_burst", Primitive::kDramReadBurst, sent(DramCommand::kRead)));
  counts->push_back(
      dram_action("write_burst", Primitive::kDramWriteBurst, sent(DramCommand::kWrite)));
  counts->push_back(dram_action("refresh", Primitive::kDramRefresh, refreshes));
  counts->push_back(dram_action("background", Primitive::kDramBackground,
                                powered_nanoseconds(stats.ranks, stats.cycles, stats.period)));
}

}  // namespace bitjoule
