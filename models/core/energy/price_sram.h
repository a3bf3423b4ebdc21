// Prices of accesses to on-chip memories, and of what they leak.
#pragma once

#include <optional>

#include "core/energy/price.h"

namespace bitjoule {

/// Of kSramRead and kSramWrite; empty: the table has no points, or the bank no size.
std::optional<UnitPrice> sram_price(const Action& action, const EnergyTable& table);

/// Of kSramLeakage, per nanosecond; unpriced where points have none.
UnitPrice sram_leakage_price(const Action& action, const EnergyTable& table);

}  // namespace bitjoule
