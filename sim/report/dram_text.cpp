#include "sim/report/dram_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/dram/stats_sum.h"
#include "core/energy/unpriced.h"
#include "core/enums.h"
#include "sim/output/text.h"

namespace bitjoule {

std::string dram_rows_text(const DramStats& s) {
  const std::int64_t bursts = s.row_hits + s.row_misses + s.row_conflicts;
  if (bursts == 0) return "";
  const double unit = static_cast<double>(s.latency_unit.value) * 1e-15;
  return fmt::format("row hits {} of bursts; latency mean {}, p99 {}, max {}",
                     percent(static_cast<double>(s.row_hits) / static_cast<double>(bursts)),
                     si(s.latency.mean() * unit, "s"),
                     si(static_cast<double>(s.latency.percentile(0.99)) * unit, "s"),
                     si(static_cast<double>(s.latency.max()) * unit, "s"));
}

std::string dram_bus_text(const DataBusCycles& b) {
  const auto all =
      static_cast<double>(b.busy + b.idle + b.refresh + b.activate + b.turnaround + b.column);
  const auto share = [all](std::int64_t cycles) {
    return percent(static_cast<double>(cycles) / all);
  };
  return fmt::format(
      "busy {}; lost to refresh {}, activates {}, turnarounds {}, columns {}; idle {}",
      share(b.busy), share(b.refresh), share(b.activate), share(b.turnaround), share(b.column),
      share(b.idle));
}

namespace {

/// "lpddr5-6400's own 0.72 mJ (device, without phy)".
std::string cost_text(const std::string& owner, const DramCost& cost, PriceUnit unit) {
  std::string text =
      fmt::format("{} {} ({}", owner, joules_text(cost.dram.value, unit), enum_name(cost.boundary));
  if (cost.high > cost.low)
    text += fmt::format(", {} to {}", joules_text(cost.low.value, unit),
                        joules_text(cost.high.value, unit));
  const std::vector<std::string> lacks = dram_kinds(cost.unpriced);
  if (!lacks.empty()) text += fmt::format(", without {}", fmt::join(lacks, ", "));
  return text + ")";
}

void add(const DramCost& cost, double times, std::optional<DramCost>& sum) {
  if (!sum) {
    sum = DramCost();
    sum->boundary = cost.boundary;
  }
  sum->total += cost.total * times;
  sum->dram += cost.dram * times;
  sum->low += cost.low * times;
  sum->high += cost.high * times;
  for (const std::string& activity : cost.unpriced)
    if (std::find(sum->unpriced.begin(), sum->unpriced.end(), activity) == sum->unpriced.end())
      sum->unpriced.push_back(activity);
}

}  // namespace

std::string dram_prices_text(const EnergyReport& energy) {
  const std::string table = cost_text("the table's", *energy.by_table, energy.unit);
  if (!energy.by_device && energy.unit == PriceUnit::kMac)
    return fmt::format("{}; {}'s own are in pJ, which are not added to ratios of a MAC", table,
                       energy.dram);
  if (!energy.by_device)
    return fmt::format("{}; {} is not priced by its own: its file has no `energy`", table,
                       energy.dram);
  const std::string device = cost_text(energy.dram + "'s own", *energy.by_device, energy.unit);
  const bool own = energy.counted == DramPricing::kDevice;
  return fmt::format(
      "{} count; by {}, {} in all", own ? device : table, own ? table : device,
      joules_text((own ? energy.by_table : energy.by_device)->total.value, energy.unit));
}

std::string dram_prices_text(const std::vector<LayerResult>& layers) {
  EnergyReport sum;
  for (const LayerResult& r : layers) {
    const auto times = static_cast<double>(r.repeat);
    sum.dram = r.energy.dram;
    sum.counted = r.energy.counted;
    sum.unit = r.energy.unit;
    add(*r.energy.by_table, times, sum.by_table);
    if (r.energy.by_device) add(*r.energy.by_device, times, sum.by_device);
  }
  return dram_prices_text(sum);
}

}  // namespace bitjoule
