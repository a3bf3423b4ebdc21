// What has to be said of sums by a table whose figures are of several kinds.
#pragma once

#include <string>
#include <vector>

#include "core/energy/table.h"

namespace bitjoule {

/// "22 nm" of "22 nm, 0.8 V": the technology alone.
std::string technology_of(const std::string& node);

/// "45 nm", or "45 nm (memories 22 nm, areas 28 nm)" where these have another than operations.
std::string nodes_of(const EnergyTable& table);

/// That figures are ratios, or of several technologies: the memories', the areas'.
std::vector<std::string> table_notes(const EnergyTable& table);

/// Which memories have banks or ports beyond all points of the table.
std::vector<std::string> reach_notes(const Counts& counts, const EnergyTable& table);

}  // namespace bitjoule
