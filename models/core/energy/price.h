// Energy = counts x prices, after the simulation: a pure function, so that another table needs no
// second run.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/energy/action.h"
#include "core/energy/parts.h"
#include "core/energy/table.h"
#include "core/enum_rows.h"
#include "core/units.h"

namespace bitjoule {

enum class PriceOrigin {
  kQuoted,    ///< a figure of the table's source
  kDerived,   ///< by a rule of the table
  kIncluded,  ///< contained in another action's price (DRAM commands in a price per bit)
  kUnpriced,  ///< listed as such in the table: not part of any sum
};

template <>
const std::vector<EnumRow<PriceOrigin>>& enum_rows();
template <>
const std::vector<EnumRow<PriceUnit>>& enum_rows();

/// What one primitive of an action costs, and why.
struct UnitPrice {
  PriceOrigin origin = PriceOrigin::kQuoted;
  Picojoules energy;       ///< zero where included or unpriced
  std::string why;         ///< source, rule or reason
  double uncertainty = 1;  ///< sources differ by this factor, up or down; 1: not stated
  std::string lacks = {};  ///< a part of it that has no price: supplies of a DRAM; empty: none
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

/// All counts, with the DRAM by one of the prices that it has.
struct DramCost {
  std::string list;                    ///< the name of these prices
  Picojoules total;                    ///< of everything
  Picojoules dram;                     ///< the DRAM's part of it
  Picojoules low, high;                ///< of that part, with every uncertainty taken off or added
  std::vector<ComponentEnergy> parts;  ///< of that part, as `components` has them
  Boundary boundary = Boundary::kUnstated;
  /// Activities of the DRAM that these prices lack, or a part of which: "refresh of VDD1".
  std::vector<std::string> unpriced;
};

struct EnergyReport {
  std::string table;                  ///< its name
  std::vector<PricedAction> actions;  ///< as counted; zero counts that have no price are left out
  /// In the order of their first action. DRAM priced by commands is several: dram_activate,
  /// dram_read_burst, ...
  std::vector<ComponentEnergy> components;
  Picojoules total;  ///< exactly the sum of `components` in order
  /// Leakage and standby (is_static), not the clock, by component; those that have some.
  std::vector<ComponentEnergy> fixed_components;
  Picojoules fixed;      ///< their sum
  Picojoules low, high;  ///< the total with every price divided, multiplied by its uncertainty
  PriceUnit unit = PriceUnit::kPicojoule;  ///< of all of it
  std::string node;                        ///< nodes_of() the table
  std::vector<std::string> notes;          ///< where figures of different kinds are summed
  // Priced by Prices: both prices of the DRAM, of which `counted` is in all of the above.
  std::string dram;  ///< its name
  DramPricing counted = DramPricing::kTable;
  std::optional<DramCost> by_table;
  std::optional<DramCost> by_device;  ///< empty: the DRAM's file names no prices
  std::vector<PricedAction> unpriced() const;
};

/// A table, with what each action has cost by it: worked out once for all copies of this, in which
/// the table never changes. Any thread may ask.
class PriceList {
 public:
  PriceList(EnergyTable table);  // NOLINT(google-explicit-constructor): it is that table

  const EnergyTable& operator*() const { return known_->table; }
  const EnergyTable* operator->() const { return &known_->table; }
  operator const EnergyTable&() const { return known_->table; }  // NOLINT: as a table
  /// unit_price() by the table.
  UnitPrice of(const Action& action) const;

 private:
  struct Known {
    EnergyTable table;
    std::mutex mutex;
    std::vector<std::pair<Action, UnitPrice>> prices;  ///< of any count
    std::size_t next = 0;  ///< behind the one asked for last: most are asked for in one order
  };
  std::shared_ptr<Known> known_;
};

/// What a run is priced by.
struct Prices {
  PriceList table;
  std::optional<PriceList> device;  ///< the table with the DRAM's own prices in place of its
  std::string dram;                 ///< its name
  DramPricing counted = DramPricing::kTable;
  std::vector<MachinePart> parts = {};  ///< that leak while a run lasts
  std::vector<std::string> notes = {};  ///< on these prices, besides the table's own

  /// The one that counts.
  const PriceList& counted_list() const {
    return counted == DramPricing::kDevice ? *device : table;
  }
};

/// `device`: what the file of the DRAM `dram` says, if anything. Throws an input Error if that is
/// in ratios, or is to count and is not there, or is in pJ where the table has ratios (which cannot
/// count; then its own prices are left out).
Prices make_prices(const EnergyTable& table, const std::string& dram,
                   const std::optional<DramPrices>& device, DramPricing counted);

/// Whether time costs it: leakage, and the standby of the DRAM.
bool is_static(Primitive primitive);

/// The price of one primitive. Throws an input Error that names component, action and arguments
/// where the table neither prices it nor lists it as unpriced, or where its rules lead beyond
/// kMaxPrice.
UnitPrice unit_price(const Action& action, const EnergyTable& table);

/// Prices all counts. Throws one input Error with a line per missing price; so does a table that
/// prices DRAM by commands for counts of a DRAM model that has none.
EnergyReport price(const Counts& counts, const PriceList& list);
/// By the prices that count, and what all would cost by the others.
EnergyReport price(const Counts& counts, const Prices& prices);

}  // namespace bitjoule
