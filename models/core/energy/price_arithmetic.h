// Prices of additions and multiplications, and how a price names its source.
#pragma once

#include <optional>
#include <string>

#include "core/energy/price.h"

namespace bitjoule {

/// The source, and what its figure includes.
std::string source_of(const Provenance& from, const EnergyTable& table);
/// A figure of the table as it stands.
UnitPrice quoted_price(Picojoules energy, const Provenance& from, const EnergyTable& table);

/// Of kAdd and kMultiply: by a row, else by a rule for widths. A multiplier that small ones compose
/// ("int4 in int8") costs what the table says of them, if anything, else as a fixed one.
std::optional<UnitPrice> arithmetic_price(const Action& action, const EnergyTable& table);

/// Bits of both operands of a type: "int4xint8" 12, "fp16" 32; 0: not a type of numbers.
int operand_bits_of(const std::string& type);

}  // namespace bitjoule
