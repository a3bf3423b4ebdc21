#include "core/energy/price.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/energy/price_arithmetic.h"
#include "core/energy/price_array.h"
#include "core/energy/price_dram.h"
#include "core/energy/price_sram.h"
#include "core/energy/sram_figures.h"
#include "core/energy/table_notes.h"
#include "core/energy/voltage.h"
#include "core/error.h"

namespace bitjoule {
namespace {

/// A milliwatt is a picojoule per nanosecond. What a table does not say is not priced.
UnitPrice leakage_price(const Action& action, const EnergyTable& table) {
  for (const LeakagePrice& row : table.leakage)
    if (row.type == action.type) return quoted_price(Picojoules(row.power.value), row.from, table);
  return {PriceOrigin::kUnpriced, Picojoules(), "the table has no such leakage"};
}

/// By what its operands are, too.
bool is_multiplication(Primitive primitive) {
  return primitive == Primitive::kActiveMultiply || primitive == Primitive::kZeroMultiply ||
         primitive == Primitive::kToggle;
}

std::optional<UnitPrice> find_price(const Action& action, const EnergyTable& table) {
  std::optional<UnitPrice> price;
  switch (action.primitive) {
    case Primitive::kSramRead:
    case Primitive::kSramWrite:
      price = sram_price(action, table);
      break;
    case Primitive::kSramLeakage:
      return sram_leakage_price(action, table);
    case Primitive::kLeakage:
      return leakage_price(action, table);
    case Primitive::kAdd:
    case Primitive::kMultiply:
      price = arithmetic_price(action, table);
      break;
    default:
      price = is_dram(action.primitive) ? dram_price(action, table) : array_price(action, table);
  }
  if (price) return price;
  const Primitive listed =
      is_multiplication(action.primitive) ? Primitive::kMultiply : action.primitive;
  for (const Unpriced& row : table.unpriced)
    if (row.primitive == listed && (row.type.empty() || row.type == action.type))
      return UnitPrice{PriceOrigin::kUnpriced, Picojoules(), row.reason};
  if (is_array_move(action.primitive))
    return UnitPrice{PriceOrigin::kUnpriced, Picojoules(), "the table has no such row of `moves`"};
  return std::nullopt;
}

/// `array.multiply: multiply of fp32`, `weight_buffer.read: sram_read of 64 bit from 8192 bytes`.
std::string described(const Action& action) {
  std::string arguments;
  if (!action.type.empty()) arguments += " of " + action.type;
  if (action.width.value != 0) arguments += fmt::format(" of {} bit", action.width.value);
  if (action.primitive == Primitive::kSramRead || action.primitive == Primitive::kSramWrite)
    arguments += fmt::format(" in a bank of {} bytes", action.capacity.value);
  return fmt::format("{}.{}: {}{}", action.component, action.activity,
                     primitive_name(action.primitive), arguments);
}

/// What the chip's supply makes of a price at the nominal one.
void supply_price(const Action& action, const EnergyTable& table, UnitPrice& price) {
  if (price.origin == PriceOrigin::kUnpriced) return;
  const VoltageRule& rule = *table.voltage;
  const double exponent = is_static(action.primitive) ? rule.leakage : rule.energy;
  price.energy.value *= supply_factor(table, exponent);
  if (price.origin == PriceOrigin::kQuoted) price.origin = PriceOrigin::kDerived;
  price.why += fmt::format("; x ({} / {})^{}: {}", table.supply->value, rule.nominal.value,
                           exponent, rule.source.empty() ? table.source : rule.source);
}

void add_energy(const std::string& name, Picojoules energy, std::vector<ComponentEnergy>& rows) {
  for (ComponentEnergy& row : rows)
    if (row.component == name) {
      row.energy += energy;
      return;
    }
  rows.push_back({name, energy});
}

/// What the prices have nothing of, of a result whose version did not count it.
void add_uncounted(const EnergyReport& report, const EnergyTable& table, DramCost& cost) {
  const auto counts = [&](auto is_one) {
    return std::any_of(report.actions.begin(), report.actions.end(), [&](const PricedAction& row) {
      return row.action.count != 0 && is_one(row.action.primitive);
    });
  };
  const auto is = [](Primitive primitive) {
    return [primitive](Primitive other) { return other == primitive; };
  };
  if (counts(is(Primitive::kDramPhy)) ||
      !counts([](Primitive p) { return p == Primitive::kDramRead || p == Primitive::kDramWrite; }))
    return;
  for (const auto& [primitive, activity] :
       {std::pair<Primitive, const char*>{Primitive::kDramPhy, "phy"},
        {Primitive::kDramActivate, "activate"},
        {Primitive::kDramRefresh, "refresh"},
        {Primitive::kDramBackground, "background"}}) {
    Action action;
    action.component = "dram";
    action.activity = activity;
    action.primitive = primitive;
    const std::optional<UnitPrice> price = dram_price(action, table);
    if (!counts(is(primitive)) && price && price->origin == PriceOrigin::kUnpriced)
      cost.unpriced.emplace_back(activity);
  }
}

DramCost cost_of(const EnergyReport& report, const EnergyTable& table) {
  DramCost cost;
  cost.list = origin_of(table.dram).name;
  if (cost.list.empty()) cost.list = table.name;
  cost.total = report.total;
  cost.boundary = boundary_of(table.dram);
  for (const PricedAction& row : report.actions) {
    if (!is_dram(row.action.primitive)) continue;
    cost.dram += row.energy;
    cost.low += Picojoules(row.energy.value / row.unit.uncertainty);
    cost.high += Picojoules(row.energy.value * row.unit.uncertainty);
    const std::string name = priced_component(row.action, table);
    const auto part = std::find_if(report.components.begin(), report.components.end(),
                                   [&](const ComponentEnergy& c) { return c.component == name; });
    const bool known = std::any_of(cost.parts.begin(), cost.parts.end(),
                                   [&](const ComponentEnergy& c) { return c.component == name; });
    if (part != report.components.end() && !known) cost.parts.push_back(*part);
    if (row.unit.origin == PriceOrigin::kUnpriced && row.action.count != 0)
      cost.unpriced.push_back(row.action.activity);
    if (!row.unit.lacks.empty() && row.action.count != 0)
      cost.unpriced.push_back(row.action.activity + " of " + row.unit.lacks);
  }
  add_uncounted(report, table, cost);
  return cost;
}

}  // namespace

std::vector<PricedAction> EnergyReport::unpriced() const {
  std::vector<PricedAction> rows;
  for (const PricedAction& row : actions)
    if (row.unit.origin == PriceOrigin::kUnpriced && row.action.count != 0) rows.push_back(row);
  return rows;
}

bool is_static(Primitive primitive) {
  return primitive == Primitive::kSramLeakage || primitive == Primitive::kLeakage ||
         is_dram_time(primitive);
}

UnitPrice unit_price(const Action& action, const EnergyTable& table) {
  std::optional<UnitPrice> price = find_price(action, table);
  if (price && table.supply && !is_dram(action.primitive)) supply_price(action, table, *price);
  if (price && !(price->energy.value <= kMaxPrice.value))  // also where it is no number
    throw input_error(fmt::format(
        "energy table \"{}\": {}: {} pJ by its rules ({}), expected at most {} pJ", table.name,
        described(action), price->energy.value, price->why, kMaxPrice.value));
  if (price) return *price;
  if (is_dram(action.primitive)) throw input_error(missing_dram_price(action, table));
  throw input_error(
      fmt::format("energy table \"{}\" has no price for {}; add a row, or list it "
                  "under unpriced",
                  table.name, described(action)));
}

PriceList::PriceList(EnergyTable table) : known_(std::make_shared<Known>()) {
  known_->table = std::move(table);
}

UnitPrice PriceList::of(const Action& action) const {
  constexpr std::size_t kMost = 1000;  // a machine has some 60
  const std::lock_guard lock(known_->mutex);
  auto& prices = known_->prices;
  std::size_t& next = known_->next;
  for (std::size_t i = 0; i < prices.size(); ++i) {
    if (next >= prices.size()) next = 0;
    const auto& [known, price] = prices[next++];
    if (is_same(known, action)) return price;
  }
  UnitPrice price = unit_price(action, known_->table);
  if (prices.size() == kMost) prices.clear();
  prices.emplace_back(action, price);
  return price;
}

namespace {

/// But for the notes.
EnergyReport priced(const Counts& counts, const PriceList& list) {
  const EnergyTable& table = *list;
  EnergyReport report;
  report.table = table.name;
  report.actions.reserve(counts.size());
  std::string problems = missing_commands(counts, table);
  for (const Action& action : counts) {
    try {
      report.actions.push_back({action, list.of(action), Picojoules()});
    } catch (const Error& e) {
      if (action.count != 0) problems += (problems.empty() ? "" : "\n") + std::string(e.what());
      continue;
    }
    PricedAction& row = report.actions.back();
    const UnitPrice& unit = row.unit;
    const Picojoules energy(static_cast<double>(action.count) * unit.energy.value);
    row.energy = energy;
    const std::string name = priced_component(action, table);
    auto component =
        std::find_if(report.components.begin(), report.components.end(),
                     [&](const ComponentEnergy& known) { return known.component == name; });
    // A part that the table does not price on its own, or that did nothing, is none.
    const bool is_priced =
        unit.origin == PriceOrigin::kQuoted || unit.origin == PriceOrigin::kDerived;
    const bool whole = name == action.component && !is_array_move(action.primitive) &&
                       !is_static(action.primitive);
    const bool part = whole || (is_priced && action.count != 0);
    if (component == report.components.end() && part)
      component = report.components.insert(component, {name, Picojoules()});
    if (component != report.components.end()) component->energy += energy;
    if (is_static(action.primitive) && energy.value > 0)
      add_energy(name, energy, report.fixed_components);
  }
  if (!problems.empty()) throw input_error(problems);
  for (const ComponentEnergy& row : report.components) report.total += row.energy;
  for (const ComponentEnergy& row : report.fixed_components) report.fixed += row.energy;
  for (const PricedAction& row : report.actions) {
    report.low += Picojoules(row.energy.value / row.unit.uncertainty);
    report.high += Picojoules(row.energy.value * row.unit.uncertainty);
  }
  report.unit = table.unit;
  report.node = nodes_of(table);
  return report;
}

std::vector<std::string> notes_on(const Counts& counts, const EnergyTable& table) {
  std::vector<std::string> notes = table_notes(table);
  for (std::string& note : reach_notes(counts, table)) notes.push_back(std::move(note));
  return notes;
}

}  // namespace

EnergyReport price(const Counts& counts, const PriceList& list) {
  EnergyReport report = priced(counts, list);
  report.notes = notes_on(counts, list);
  return report;
}

Prices make_prices(const EnergyTable& table, const std::string& dram,
                   const std::optional<DramPrices>& device, DramPricing counted) {
  Prices prices{table, std::nullopt, dram, counted, {}, {}};
  if (device) check_own_prices(*device);
  if (device && table.unit != PriceUnit::kPicojoule) {
    if (counted == DramPricing::kDevice)
      throw input_error(fmt::format(
          "dram_prices: device: the DRAM \"{}\" is priced in pJ, all else by the energy table "
          "\"{}\" in ratios of a MAC: no sum has both; expected `table`",
          dram, table.name));
    return prices;
  }
  if (device) {
    EnergyTable own = table;
    own.dram = *device;
    Provenance& from = provenance(own.dram);
    if (from.source.empty()) from.source = fmt::format("no source named with {}", dram);
    DramOrigin& origin = origin_of(own.dram);
    if (origin.name.empty()) origin.name = dram + "'s own";
    prices.device = std::move(own);
  } else if (counted == DramPricing::kDevice) {
    throw input_error(fmt::format(
        "dram_prices: device: the DRAM \"{}\" is not priced by its own, as its file has "
        "no `energy`; `table` prices it by the energy table \"{}\"",
        dram, table.name));
  }
  return prices;
}

EnergyReport price(const Counts& counts, const Prices& prices) {
  EnergyReport report = priced(counts, prices.table);
  const DramCost by_table = cost_of(report, prices.table);
  std::optional<DramCost> by_device;
  if (prices.device) {
    EnergyReport own = priced(counts, *prices.device);
    by_device = cost_of(own, *prices.device);
    if (prices.counted == DramPricing::kDevice) report = std::move(own);
  }
  report.dram = prices.dram;
  report.counted = prices.counted;
  report.notes = notes_on(counts, prices.counted_list());
  report.notes.insert(report.notes.end(), prices.notes.begin(), prices.notes.end());
  report.by_table = by_table;
  report.by_device = std::move(by_device);
  return report;
}

}  // namespace bitjoule
