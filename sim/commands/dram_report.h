// What `sim dram` prints and writes.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "core/dram/engine.h"
#include "core/energy/price.h"

namespace bitjoule {

struct DramReport {
  DramConfig config;
  DramStats stats;
  double seconds = 0;
  double bandwidth = 0, peak = 0;  ///< bytes per second
  EnergyReport energy;             ///< empty where the DRAM file names no prices
  Picojoules low, high;            ///< of its total, by the uncertainty of the prices
};

DramReport make_dram_report(const DramConfig& config, const DramEngine& engine,
                            const DramStats& stats);
std::string dram_text(const DramReport& report);
std::string dram_json(const DramReport& report);

/// The parts that the accelerator's results have in common with these: latency in ns and memory
/// clocks, rows, commands, queue, lost cycles and the timeline.
boost::json::object dram_stats_json(const DramStats& stats, bool is_cycle);

}  // namespace bitjoule
