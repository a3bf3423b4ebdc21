// Energy = counts x prices, after the simulation: a pure function, so that another table needs no
// second run.
#pragma once

#include <string>
#include <vector>

#include "core/energy/action.h"
#include "core/energy/table.h"
#include "core/units.h"

namespace bitjoule {

enum class PriceOrigin {
  kQuoted,    ///< a figure of the table's source
  kDerived,   ///< by a rule of the table
  kIncluded,  ///< contained in another action's price (DRAM commands in a price per bit)
  kUnpriced,  ///< listed as such in the table: not part of any sum
};

/// What one primitive of an action costs, and why.
struct UnitPrice {
  PriceOrigin origin = PriceOrigin::kQuoted;
  Picojoules energy;  ///< zero where included or unpriced
  std::string why;    ///< source, rule or reason
};

struct PricedAction {
  Action action;
  UnitPrice unit;
  Picojoules energy;  ///< count * unit.energy
};

struct ComponentEnergy {
  std::string component;
  Picojoules energy;
};

struct EnergyReport {
  std::string table;                  ///< its name
  std::vector<PricedAction> actions;  ///< as counted; zero counts that have no price are left out
  /// In the order of their first action. DRAM priced by commands is several: dram_activate,
  /// dram_read_burst, ...
  std::vector<ComponentEnergy> components;
  Picojoules total;  ///< exactly the sum of `components` in order
  std::vector<PricedAction> unpriced() const;
};

/// The price of one primitive. Throws an input Error that names component, action and arguments
/// where the table neither prices it nor lists it as unpriced, or where its rules lead beyond
/// kMaxPrice.
UnitPrice unit_price(const Action& action, const EnergyTable& table);

/// Prices all counts. Throws one input Error with a line per missing price; so does a table that
/// prices DRAM by commands for counts of a DRAM model that has none.
EnergyReport price(const Counts& counts, const EnergyTable& table);

}  // namespace bitjoule
