// What a report says about the DRAM of a run.
#pragma once

#include <string>
#include <vector>

#include "core/dram/stats.h"
#include "run/layer_result.h"

namespace bitjoule {

/// Rows and latency on one line; empty for a DRAM without rows.
std::string dram_rows_text(const DramStats& stats);

/// Where the clocks of the data bus went, on one line.
std::string dram_bus_text(const DataBusCycles& bus);

/// What the DRAM costs by the prices that count and by the others, on one line.
std::string dram_prices_text(const EnergyReport& energy);
/// The same of all layers, each as often as it runs.
std::string dram_prices_text(const std::vector<LayerResult>& layers);

}  // namespace bitjoule
