// Prices of what moves inside the array, and of multiplications by what their operands are.
#pragma once

#include <optional>

#include "core/energy/price.h"

namespace bitjoule {

/// What moves inside the array: a table that has no row for it does not price it.
bool is_array_move(Primitive primitive);

/// Of those, and of kActiveMultiply, kZeroMultiply and kToggle; nullopt for others, and where the
/// table has no price of the multiplication.
std::optional<UnitPrice> array_price(const Action& action, const EnergyTable& table);

}  // namespace bitjoule
