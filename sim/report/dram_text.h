// What a report says about the DRAM of a run.
#pragma once

#include <string>

#include "core/dram/stats.h"

namespace bitjoule {

/// Rows and latency on one line; empty for a DRAM without rows.
std::string dram_rows_text(const DramStats& stats);

/// Where the clocks of the data bus went, on one line.
std::string dram_bus_text(const DataBusCycles& bus);

}  // namespace bitjoule
