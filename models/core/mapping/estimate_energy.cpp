#include "core/mapping/estimate_energy.h"

#include <algorithm>

#include "core/mapping/machine_parts.h"
#include "core/mapping/memory_port.h"

namespace bitjoule {

EnergyModel::EnergyModel(const MappingProblem& problem) : p_(problem) {}

double EnergyModel::price(const MachineCounts& counts) {
  if (!p_.prices) return 0;
  double energy = 0;
  std::size_t i = 0;
  each_count([&](std::int64_t count) { add(count, i++, energy); }, counts);
  return energy;
}

double EnergyModel::price(const MappingEstimate& e, double of_counts) {
  if (!p_.prices) return 0;
  double energy = of_counts;
  const MemoryPort& m = p_.memory;
  if (m.ranks > 0) {
    const std::int64_t writes = e.traffic[Tensor::kOutputs].bursts;
    std::size_t i = kMachineCounts;
    for (const std::int64_t count : dram_counts(estimated_dram(
             m, {e.traffic.bursts() - writes, writes, e.activates, e.open}, e.cycles)))
      add(count, i++, energy);
  }
  add(e.cycles, kClocked, energy);
  if (!known_[kNanosecond] || rates_[kNanosecond] != 0)
    add(whole_nanoseconds(Cycles(e.cycles), p_.machine.clock), kNanosecond, energy);
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

double EnergyModel::ask(std::size_t i) {
  // Of whole rows of k (and of n, where weights lie so) of every group, so that each has its
  // scales. Shares that are assumed to be zero are rounded.
  const GemmExtents& e = p_.layer.extents;
  const std::int64_t unit =
      e.groups * e.k * (p_.layer.k_rows ? e.n : 1) * (p_.data.density ? 1 << 20 : 1);
  Counts one;
  if (i < kMachineCounts) {
    MachineCounts counts;
    std::size_t at = 0;
    each_count([&](std::int64_t& count) { count = at++ == i ? unit : 0; }, counts);
    one = priced_actions(p_, counts);
  }
  if (i == kClocked) append_array_clock(p_, Cycles(unit), &one);
  if (i == kNanosecond) append_leakage(p_.prices->parts, unit, &one);
  if (i >= kMachineCounts && i < kClocked && p_.memory.ranks > 0)
    one.push_back(dram_command(i - kMachineCounts, p_.memory.rank_refreshes, unit));
  const PriceList& prices = p_.prices->counted_list();
  double energy = 0;
  for (const Action& action : one)
    if (action.count != 0)
      energy += static_cast<double>(action.count) * prices.of(action).energy.value;
  known_[i] = true;
  return rates_[i] = energy / static_cast<double>(unit);
}

}  // namespace bitjoule
