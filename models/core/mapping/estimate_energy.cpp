#include "core/mapping/estimate_energy.h"

#include "core/dram/actions.h"
#include "core/index.h"
#include "core/mapping/machine_parts.h"

namespace bitjoule {
namespace {

// What is priced, one after the other: members of MachineCounts, then of its buffers, then of what
// a DRAM's commands are.
using Member = std::int64_t MachineCounts::*;
constexpr Member kMembers[] = {&MachineCounts::macs,
                               &MachineCounts::dequantized_weights,
                               &MachineCounts::dequantized_inputs,
                               &MachineCounts::accumulations,
                               &MachineCounts::group_results,
                               &MachineCounts::activation_sums,
                               &MachineCounts::corrections,
                               &MachineCounts::outputs,
                               &MachineCounts::dram_read_bits,
                               &MachineCounts::dram_write_bits};
constexpr BufferCounts MachineCounts::*kPricedBuffers[] = {
    &MachineCounts::input, &MachineCounts::weight, &MachineCounts::accumulator,
    &MachineCounts::output, &MachineCounts::scale};
constexpr std::size_t kMemberCount = std::size(kMembers), kAccessCount = 2 * std::size(kPricedBuffers),
                      kInArray = 1 + kTreeLevels + kArrayMoves;
constexpr std::size_t kCounted = kMemberCount + kAccessCount + kInArray;
// Activates, bursts both ways, refreshes of a rank and of banks, time, and time by state.
constexpr std::size_t kCommands = 11;
constexpr std::size_t kClocked = kCounted + kCommands;
constexpr std::size_t kNanosecond = kClocked + 1;  // of leakage
constexpr std::size_t kPriced = kNanosecond + 1;

std::int64_t& at_index(MachineCounts& counts, std::size_t i) {
  if (i < kMemberCount) return counts.*kMembers[i];
  if (i == kMemberCount + kAccessCount) return counts.adds.wide;
  if (i > kMemberCount + kAccessCount) {
    i -= kMemberCount + kAccessCount + 1;
    return i < kTreeLevels ? counts.adds.tree[i] : counts.moves.counts[i - kTreeLevels];
  }
  BufferCounts& buffer = counts.*kPricedBuffers[(i - kMemberCount) / 2];
  return (i - kMemberCount) % 2 == 0 ? buffer.reads : buffer.writes;
}

/// The commands of a run of `e`.
DramStats dram_stats(const MemoryPort& memory, const MappingEstimate& e) {
  DramStats s;
  s.ranks = memory.ranks;
  s.period = memory.core_period;
  s.cycles = e.cycles;
  const auto set = [&s](DramCommand c, std::int64_t n) { s.commands[at(std::int64_t(c))] = n; };
  const std::int64_t writes = e.traffic[Tensor::kOutputs].bursts;
  set(DramCommand::kRead, e.traffic.total().bursts - writes);
  set(DramCommand::kWrite, writes);
  set(DramCommand::kAct, e.activates);
  // What is not known of states: rows stay open but for refreshes of the rank, in every bank.
  std::int64_t refreshing = 0;
  if (memory.refresh_cycles > 0) {
    const auto refreshes =
        static_cast<std::int64_t>(static_cast<double>(e.cycles) / memory.refresh_cycles);
    set(DramCommand::kRefAll, refreshes * memory.ranks);
    refreshing = static_cast<std::int64_t>(static_cast<double>(refreshes) * memory.refresh_busy);
  }
  s.states.refreshing = refreshing * memory.ranks;
  s.states.open = (e.cycles - refreshing) * memory.ranks;
  s.states.open_banks = s.states.open * memory.banks_per_rank;
  return s;
}

}  // namespace

EnergyModel::EnergyModel(const MappingProblem& problem) : p_(problem), rates_(kPriced) {}

double EnergyModel::price(const MappingEstimate& e) {
  if (!p_.prices) return 0;
  Counts commands;
  append_dram_commands(dram_stats(p_.memory, e), &commands);
  double energy = 0;
  MachineCounts counts = e.counts;
  const auto add = [&](std::size_t i, std::int64_t count) {
    if (count != 0) energy += static_cast<double>(count) * rate_of(i);
  };
  for (std::size_t i = 0; i < kCounted; ++i) add(i, at_index(counts, i));
  for (std::size_t i = 0; i < commands.size(); ++i) add(kCounted + i, commands[i].count);
  add(kClocked, e.cycles);
  add(kNanosecond, whole_nanoseconds(Cycles(e.cycles), p_.machine.clock));
  return energy;
}

double EnergyModel::rate_of(std::size_t i) {
  if (rates_[i]) return *rates_[i];
  // Of whole rows of k of every group, so that each has its scales.
  // Shares that are assumed to be zero are rounded.
  const std::int64_t unit =
      p_.layer.extents.groups * p_.layer.extents.k * (p_.data.density ? 1 << 20 : 1);
  Counts one;
  if (i < kCounted) {
    MachineCounts counts;
    at_index(counts, i) = unit;
    one = priced_actions(p_, counts);
  }
  if (i == kClocked) append_array_clock(p_, Cycles(unit), &one);
  if (i == kNanosecond) append_leakage(p_.prices->parts, unit, &one);
  if (p_.memory.ranks > 0) {  // commands of a DRAM that has some
    DramStats stats;
    stats.ranks = 1;
    append_dram_commands(stats, &one);
    const std::size_t first = one.size() - kCommands;
    if (i >= kCounted && i < kClocked) one[first + i - kCounted].count = unit;
  }
  const Prices& prices = *p_.prices;
  const EnergyTable& table = prices.counted == DramPricing::kDevice ? *prices.device : prices.table;
  double energy = 0;
  for (const Action& action : one)
    if (action.count != 0)
      energy += static_cast<double>(action.count) * unit_price(action, table).energy.value;
  rates_[i] = energy / static_cast<double>(unit);
  return *rates_[i];
}

}  // namespace bitjoule
