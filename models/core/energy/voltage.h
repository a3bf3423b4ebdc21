// The chip's supply: how energy, leakage and the highest clock follow from it.
#pragma once

#include <optional>

#include "core/energy/table.h"
#include "core/machine/machine.h"

namespace bitjoule {

/// The table as it prices at `supply`; the same without one. Throws an input Error where the table
/// has no rule, or its rule does not hold there.
EnergyTable at_voltage(EnergyTable table, const std::optional<Volts>& supply);

/// v^exponent, v the table's supply over its nominal one; 1 at the nominal.
double supply_factor(const EnergyTable& table, double exponent);

/// The highest clock at the table's supply, of a machine with `nominal` at the nominal one.
Hertz highest_clock(const EnergyTable& table, Hertz nominal);

/// Throws an input Error for a voltage that the table's rule does not cover, one without a
/// `max_clock`, and a clock above what both allow.
void check_supply(const AcceleratorConfig& machine, const EnergyTable& table);

}  // namespace bitjoule
