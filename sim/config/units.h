// Units of the quantities in configuration files, as tables: reading, writing, `sim list units`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/units.h"

namespace bitjoule {

struct Unit {
  std::string name;
  std::int64_t factor;  ///< base units per unit
};

struct UnitTable {
  std::string quantity;     ///< "a size", ...
  std::string example;      ///< "64 KiB"
  bool bare;                ///< a number without a unit is in base units
  std::vector<Unit> units;  ///< by rising factor; the first is the base unit
};

const UnitTable& units_of(Bytes);
const UnitTable& units_of(Bits);
const UnitTable& units_of(Cycles);
const UnitTable& units_of(Hertz);
const UnitTable& units_of(Femtoseconds);
const UnitTable& units_of(BytesPerSecond);
const UnitTable& units_of(Nanometers);
const UnitTable& units_of(Picojoules);         ///< factors in femtojoules
const UnitTable& units_of(Milliwatts);         ///< in nanowatts
const UnitTable& units_of(SquareMicrometres);  ///< in square nanometres
const UnitTable& units_of(Volts);              ///< in millivolts
/// The unit in which a real quantity is kept: "pJ".
inline const char* kept_in(Picojoules) { return "pJ"; }
inline const char* kept_in(Milliwatts) { return "mW"; }
inline const char* kept_in(SquareMicrometres) { return "um2"; }
inline const char* kept_in(Volts) { return "V"; }

/// All of the above, for `sim list units`.
const std::vector<const UnitTable*>& unit_tables();

/// Reads "64 KiB" exactly; a fraction is fine if the amount is a whole number of base units.
/// nullopt: not a number and unit of the table, not whole, or beyond 63 bits.
std::optional<std::int64_t> parse_quantity(const std::string& text, const UnitTable& table);

/// The amount in its largest unit that needs no fraction ("64 KiB"): reads back exactly.
std::string quantity_text(std::int64_t amount, const UnitTable& table);

/// Reads a non-negative real quantity such as "3.7 pJ", in the unit `kept` of the table.
std::optional<double> parse_real_quantity(const std::string& text, const UnitTable& table,
                                          const std::string& kept);

inline std::optional<double> parse_picojoules(const std::string& text) {
  return parse_real_quantity(text, units_of(Picojoules()), kept_in(Picojoules()));
}

/// A finite decimal number, nothing before or after it.
std::optional<double> parse_real(const std::string& text);

}  // namespace bitjoule
