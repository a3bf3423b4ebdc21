#include "sim/report/dram_text.h"

#include <fmt/format.h>

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

}  // namespace bitjoule
