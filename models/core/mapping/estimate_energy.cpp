#include "core/mapping/estimate_energy.h"

#include <algorithm>
#include <iterator>

#include "core/dram/actions.h"
#include "core/mapping/machine_parts.h"
#include "core/mapping/memory_port.h"

namespace bitjoule {
namespace {

// Members of MachineCounts, and of its buffers, in the order in which they are priced.
using Member = std::int64_t MachineCounts::*;
constexpr Member kPricedMembers[] = {&MachineCounts::macs,
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

}  // namespace

EnergyModel::EnergyModel(const MappingProblem& problem) : p_(problem) {
  static_assert(std::size(kPricedMembers) == kMembers &&
                2 * std::size(kPricedBuffers) == kAccesses);
}

std::int64_t& EnergyModel::at_index(MachineCounts& counts, std::size_t i) {
  if (i < kMembers) return counts.*kPricedMembers[i];
  i -= kMembers;
  if (i < kAccesses) {
    BufferCounts& buffer = counts.*kPricedBuffers[i / 2];
    return i % 2 == 0 ? buffer.reads : buffer.writes;
  }
  i -= kAccesses;
  if (i == 0) return counts.adds.wide;
  return i <= kTreeLevels ? counts.adds.tree[i - 1] : counts.moves.counts[i - 1 - kTreeLevels];
}

EnergyModel::PricedCounts EnergyModel::counted(const MappingEstimate& e) const {
  PricedCounts counts{};
  std::size_t i = 0;
  for (const Member member : kPricedMembers) counts[i++] = e.counts.*member;
  for (const auto buffer : kPricedBuffers) {
    counts[i++] = (e.counts.*buffer).reads;
    counts[i++] = (e.counts.*buffer).writes;
  }
  counts[i++] = e.counts.adds.wide;
  for (const std::int64_t adds : e.counts.adds.tree) counts[i++] = adds;
  for (const std::int64_t moves : e.counts.moves.counts) counts[i++] = moves;
  counts[kClocked] = e.cycles;
  counts[kNanosecond] = whole_nanoseconds(Cycles(e.cycles), p_.machine.clock);
  const MemoryPort& m = p_.memory;
  if (m.ranks == 0) return counts;
  // In the order of append_dram_commands().
  const std::int64_t writes = e.traffic[Tensor::kOutputs].bursts;
  const RankTimes times = assumed_rank_times(m, e.cycles);
  const auto time = [&](std::int64_t cycles) { return whole_picoseconds(cycles, m.core_period); };
  counts[i++] = e.activates;
  counts[i++] = e.traffic.total().bursts - writes;
  counts[i++] = writes;
  counts[i++] = times.refreshes;
  ++i;  // of single banks
  counts[i++] = powered_nanoseconds(m.ranks, e.cycles, m.core_period);
  counts[i++] = time(times.open);
  i += 2;  // closed, powered down
  counts[i++] = time(times.refreshing);
  counts[i] = time(times.open_banks);
  return counts;
}

double EnergyModel::price(const MappingEstimate& e) {
  if (!p_.prices) return 0;
  const PricedCounts counts = counted(e);
  double energy = 0;
  for (std::size_t i = 0; i < kPriced; ++i)
    if (counts[i] != 0) energy += static_cast<double>(counts[i]) * rate_of(i);
  return energy;
}

std::vector<EnergyModel::Asked> EnergyModel::asked() const {
  std::vector<Asked> all;
  for (std::size_t i = 0; i < kPriced; ++i)
    if (known_[i]) all.push_back({i, rates_[i]});
  return all;
}

bool EnergyModel::agrees(const std::vector<Asked>& asked) {
  if (!p_.prices) return asked.empty();
  return std::all_of(asked.begin(), asked.end(),
                     [this](const Asked& a) { return rate_of(a.count) == a.rate; });
}

double EnergyModel::rate_of(std::size_t i) {
  if (known_[i]) return rates_[i];
  // Of whole rows of k of every group, so that each has its scales. Shares that are assumed to be
  // zero are rounded.
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
  known_[i] = true;
  return rates_[i] = energy / static_cast<double>(unit);
}

}  // namespace bitjoule
