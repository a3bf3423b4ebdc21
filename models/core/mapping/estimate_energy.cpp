#include "core/mapping/estimate_energy.h"

#include <iterator>

#include "core/dram/actions.h"

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
constexpr BufferCounts MachineCounts::*kBuffers[] = {&MachineCounts::input, &MachineCounts::weight,
                                                     &MachineCounts::accumulator,
                                                     &MachineCounts::output, &MachineCounts::scale};

std::int64_t& at_index(MachineCounts& counts, std::size_t i) {
  constexpr std::size_t kFirstAccess = std::size(kPricedMembers);
  if (i < kFirstAccess) return counts.*kPricedMembers[i];
  BufferCounts& buffer = counts.*kBuffers[(i - kFirstAccess) / 2];
  return (i - kFirstAccess) % 2 == 0 ? buffer.reads : buffer.writes;
}

}  // namespace

EnergyModel::EnergyModel(const MappingProblem& problem) : p_(problem) {
  static_assert(std::size(kPricedMembers) == kMembers && 2 * std::size(kBuffers) == kAccesses);
}

EnergyModel::PricedCounts EnergyModel::counted(const MappingEstimate& e, const MemoryPort& m) {
  PricedCounts counts{};
  std::size_t i = 0;
  for (const Member member : kPricedMembers) counts[i++] = e.counts.*member;
  for (const auto buffer : kBuffers) {
    counts[i++] = (e.counts.*buffer).reads;
    counts[i++] = (e.counts.*buffer).writes;
  }
  if (m.ranks == 0) return counts;
  // In the order of append_dram_commands().
  const std::int64_t writes = e.traffic[Tensor::kOutputs].bursts;
  counts[i++] = e.activates;
  counts[i++] = e.traffic.total().bursts - writes;
  counts[i++] = writes;
  counts[i++] =
      m.refresh_cycles > 0
          ? static_cast<std::int64_t>(static_cast<double>(e.cycles) / m.refresh_cycles) * m.ranks
          : 0;
  counts[i] = powered_nanoseconds(m.ranks, e.cycles, m.core_period);
  return counts;
}

double EnergyModel::price(const MappingEstimate& e) {
  if (!p_.prices) return 0;
  const PricedCounts counts = counted(e, p_.memory);
  double energy = 0;
  for (std::size_t i = 0; i < kPriced; ++i)
    if (counts[i] != 0) energy += static_cast<double>(counts[i]) * rate_of(i);
  return energy;
}

double EnergyModel::rate_of(std::size_t i) {
  if (known_[i]) return rates_[i];
  // Of whole rows of k of every group, so that each has its scales.
  const std::int64_t unit = p_.layer.extents.groups * p_.layer.extents.k;
  Counts one;
  if (i < kMembers + kAccesses) {
    MachineCounts counts;
    at_index(counts, i) = unit;
    one = priced_actions(p_, counts);
  }
  if (p_.memory.ranks > 0) {  // commands of a DRAM that has some
    DramStats stats;
    stats.ranks = 1;
    append_dram_commands(stats, &one);
    const std::size_t first = one.size() - kCommands;
    if (i >= kMembers + kAccesses) one[first + i - kMembers - kAccesses].count = unit;
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
