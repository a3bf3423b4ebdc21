// The machine of a run, part by part, and what it covers.
#pragma once

#include <string>
#include <vector>

#include "core/energy/area.h"
#include "run/run_config.h"

namespace bitjoule {

/// With the MACs of the run's precision and of every layer that has another.
std::vector<MachinePart> parts_of(const RunConfig& run);

/// The layer, or the network and how often it runs, with their size: equal where two runs do the
/// same work, in whatever numbers and on whatever machine.
std::string workload_text(const RunConfig& run);

/// By the areas of the run's energy table.
AreaReport area_of(const RunConfig& run);

}  // namespace bitjoule
