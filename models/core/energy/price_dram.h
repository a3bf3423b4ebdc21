// Prices of what a DRAM did: by the bits moved, or by its commands and states.
#pragma once

#include <optional>
#include <string>

#include "core/energy/price.h"

namespace bitjoule {

/// The time that a rank or a bank is in a state.
bool is_dram_time(Primitive primitive);
bool is_dram(Primitive primitive);

/// Of the primitives of a DRAM; empty: the table's prices of the DRAM lack it.
std::optional<UnitPrice> dram_price(const Action& action, const EnergyTable& table);

/// What the table's prices of the DRAM lack for an action that they do not price: the list, and the
/// keys that would be needed.
std::string missing_dram_price(const Action& action, const EnergyTable& table);

/// Why a table cannot price these counts of a DRAM, or empty: bits that prices by commands would
/// price only in part, as the model that moved them counts none; time without its states, and the
/// PHY's bits, in results of versions that had none.
std::string missing_commands(const Counts& counts, const EnergyTable& table);

/// What the energy of `action` is reported under: its component; of a DRAM that is priced by
/// commands every activity apart.
std::string priced_component(const Action& action, const EnergyTable& table);

}  // namespace bitjoule
