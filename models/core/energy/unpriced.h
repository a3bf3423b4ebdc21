// The names of what a sum of energies lacks.
#pragma once

#include <string>
#include <vector>

#include "core/energy/price.h"

namespace bitjoule {

/// An action without a price: "output_unit.convert"; what moves inside the array by its component;
/// of a DRAM by kind: "dram.standby".
std::string unpriced_name(const PricedAction& action);

/// The activities of a DRAM by kind, each once: `commands`, `refresh`, `standby`, `phy`,
/// `data lines`, `refresh of VDD1`.
std::vector<std::string> dram_kinds(const std::vector<std::string>& activities);

/// All that was done and has no price, each once; leakage part by part: "leakage of array (fp16)",
/// or "leakage" alone where no part's has one.
std::vector<std::string> unpriced_names(const EnergyReport& report);

}  // namespace bitjoule
