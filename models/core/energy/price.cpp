#include "core/energy/price.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/numeric/format.h"

namespace bitjoule {
namespace {

bool is_dram(Primitive primitive) {
  switch (primitive) {
    case Primitive::kDramRead:
    case Primitive::kDramWrite:
    case Primitive::kDramActivate:
    case Primitive::kDramReadBurst:
    case Primitive::kDramWriteBurst:
    case Primitive::kDramRefresh:
    case Primitive::kDramBackground:
    case Primitive::kDramRefreshBank:
    case Primitive::kDramOpen:
    case Primitive::kDramClosed:
    case Primitive::kDramPowerDown:
    case Primitive::kDramRefreshing:
    case Primitive::kDramOpenBanks:
      return true;
    default:
      return false;
  }
}

/// The width of "int8" or "uint8"; 0 if it is no integer type.
int integer_bits(std::string type) {
  if (!type.empty() && type.front() == 'u') type.erase(0, 1);
  if (type.rfind("int", 0) != 0) return 0;
  int bits = 0;
  const char* end = type.data() + type.size();
  const auto [stop, error] = std::from_chars(type.data() + 3, end, bits);
  const bool is_number = error == std::errc() && stop == end;
  return is_number && bits >= 1 && bits <= 64 ? bits : 0;
}

/// Significand bits, with the hidden one, of a float format; 0 if it is none.
int significand_bits(const std::string& type) {
  for (const Format& format : formats())
    if (format.name == type && format.cls == FormatClass::kFloat)
      return format.fp.mantissa_bits + 1;
  return 0;
}

/// The argument b^2 of a WidthRule, and the family it belongs to.
struct Squared {
  NumberFamily family;
  double bits;
};

std::optional<Squared> squared_bits(const std::string& type) {
  if (const int bits = significand_bits(type))
    return Squared{NumberFamily::kFloat, double(bits) * bits};
  const std::size_t cross = type.find('x');
  const int a = integer_bits(type.substr(0, cross));
  const int b = cross == std::string::npos ? a : integer_bits(type.substr(cross + 1));
  if (a == 0 || b == 0) return std::nullopt;
  return Squared{NumberFamily::kInteger, double(a) * b};
}

/// Equal operands are a type of their own: "int8xint8" and "uint8" are priced as "int8".
std::string canonical_type(const std::string& type) {
  const std::size_t cross = type.find('x');
  const int a = integer_bits(type.substr(0, cross));
  const int b = cross == std::string::npos ? a : integer_bits(type.substr(cross + 1));
  return a != 0 && a == b ? fmt::format("int{}", a) : type;
}

const char* boundary_name(Boundary boundary) {
  static constexpr const char* kNames[] = {"unit", "macro", "io", "device", "system", "unstated"};
  return kNames[static_cast<std::size_t>(boundary)];
}

/// The source, and what its figure includes.
std::string source_of(const Provenance& from, const EnergyTable& table) {
  return fmt::format("{}; boundary: {}", from.source.empty() ? table.source : from.source,
                     boundary_name(from.boundary));
}

UnitPrice quoted(Picojoules energy, const Provenance& from, const EnergyTable& table) {
  return {from.derived ? PriceOrigin::kDerived : PriceOrigin::kQuoted, energy,
          source_of(from, table)};
}

std::optional<UnitPrice> arithmetic_price(const Action& action, const EnergyTable& table) {
  const std::string type = canonical_type(action.type);
  for (const ArithmeticPrice& row : table.arithmetic)
    if (row.operation == action.primitive && row.type == type)
      return quoted(row.energy, row.from, table);
  const std::optional<Squared> squared = squared_bits(type);
  if (!squared) return std::nullopt;
  for (const WidthRule& rule : table.rules) {
    if (rule.operation != action.primitive || rule.family != squared->family) continue;
    const double bits = std::sqrt(squared->bits);
    const double energy = rule.quadratic.value * squared->bits + rule.linear.value * bits;
    return UnitPrice{PriceOrigin::kDerived, Picojoules(energy),
                     fmt::format("{} b^2 + {} b pJ at b = {:.4g}: {}", rule.quadratic.value,
                                 rule.linear.value, bits, source_of(rule.from, table))};
  }
  return std::nullopt;
}

double energy_at(const SramPoint& point, bool is_write) {
  return is_write && point.write ? point.write->value : point.read.value;
}

double per_bit(const SramPoint& point, bool is_write) {
  return energy_at(point, is_write) / static_cast<double>(point.width.value);
}

/// The power law through the two points around `capacity`, or the two nearest at an end.
double interpolated_per_bit(const std::vector<SramPoint>& points, Bytes capacity, bool is_write) {
  if (points.size() == 1) return per_bit(points.front(), is_write);
  std::size_t upper = 1;
  while (upper + 1 < points.size() && points[upper].capacity < capacity) ++upper;
  const SramPoint &a = points[upper - 1], &b = points[upper];
  const double ea = per_bit(a, is_write), eb = per_bit(b, is_write);
  const auto log_of = [](Bytes size) { return std::log(static_cast<double>(size.value)); };
  const double exponent = std::log(eb / ea) / (log_of(b.capacity) - log_of(a.capacity));
  return ea * std::exp(exponent * (log_of(capacity) - log_of(a.capacity)));
}

std::optional<UnitPrice> sram_price(const Action& action, const EnergyTable& table) {
  const std::vector<SramPoint>& points = table.sram.points;
  if (points.empty() || action.capacity.value < 1 || action.width.value < 1) return std::nullopt;
  const bool is_write = action.primitive == Primitive::kSramWrite;
  for (const SramPoint& point : points) {
    if (point.capacity != action.capacity) continue;
    if (point.width == action.width && (!is_write || point.write))
      return quoted(Picojoules(energy_at(point, is_write)), point.from, table);
    const double energy = energy_at(point, is_write) * (static_cast<double>(action.width.value) /
                                                        static_cast<double>(point.width.value));
    const bool as_read = is_write && !point.write;
    return UnitPrice{
        PriceOrigin::kDerived, Picojoules(energy),
        fmt::format("{}{} bit at {} pJ in proportion to width: {}", as_read ? "as a read; " : "",
                    point.width.value, energy_at(point, is_write), source_of(point.from, table))};
  }
  const bool is_between =
      points.front().capacity < action.capacity && action.capacity < points.back().capacity;
  const double energy = interpolated_per_bit(points, action.capacity, is_write) *
                        static_cast<double>(action.width.value);
  return UnitPrice{
      PriceOrigin::kDerived, Picojoules(energy),
      fmt::format("power law in capacity {} the table's points, in proportion to "
                  "width: {}",
                  is_between ? "between" : "beyond", source_of(points.front().from, table))};
}

std::optional<UnitPrice> per_access_price(const Action& action, const DramPerAccess& prices,
                                          const EnergyTable& table) {
  if (action.primitive != Primitive::kDramRead && action.primitive != Primitive::kDramWrite)
    return UnitPrice{PriceOrigin::kIncluded, Picojoules(), "included in the price per bit"};
  if (prices.width.value == 0) return std::nullopt;
  const Picojoules access = action.primitive == Primitive::kDramRead ? prices.read : prices.write;
  UnitPrice price = quoted(Picojoules(access.value / static_cast<double>(prices.width.value)),
                           prices.from, table);
  price.uncertainty = prices.uncertainty;
  return price;
}

std::optional<UnitPrice> per_command_price(const Action& action, const DramPerCommand& prices,
                                           const EnergyTable& table) {
  const std::optional<DramPrice> price = command_price(prices, action);
  if (!price) {
    if (action.primitive != Primitive::kDramBackground) return std::nullopt;
    return UnitPrice{PriceOrigin::kUnpriced, Picojoules(), "the DRAM prices have no background"};
  }
  if (price->kind == DramPrice::Kind::kIncluded)
    return UnitPrice{PriceOrigin::kIncluded, Picojoules(), price->formula};
  UnitPrice unit = quoted(price->energy, prices.from, table);
  if (price->kind == DramPrice::Kind::kComputed) {
    unit.origin = PriceOrigin::kDerived;
    unit.why = fmt::format("{}: {}", price->formula, source_of(prices.from, table));
  }
  unit.uncertainty = price->uncertainty;
  return unit;
}

std::optional<UnitPrice> dram_price(const Action& action, const EnergyTable& table) {
  if (const auto* access = std::get_if<DramPerAccess>(&table.dram.scheme))
    return per_access_price(action, *access, table);
  return per_command_price(action, std::get<DramPerCommand>(table.dram.scheme), table);
}

std::optional<UnitPrice> find_price(const Action& action, const EnergyTable& table) {
  std::optional<UnitPrice> price;
  switch (action.primitive) {
    case Primitive::kSramRead:
    case Primitive::kSramWrite:
      price = sram_price(action, table);
      break;
    default:
      price =
          is_dram(action.primitive) ? dram_price(action, table) : arithmetic_price(action, table);
  }
  if (price) return price;
  for (const Unpriced& row : table.unpriced)
    if (row.primitive == action.primitive && (row.type.empty() || row.type == action.type))
      return UnitPrice{PriceOrigin::kUnpriced, Picojoules(), row.reason};
  return std::nullopt;
}

/// `array.multiply: multiply of fp32`, `weight_buffer.read: sram_read of 64 bit from 8192 bytes`.
std::string described(const Action& action) {
  std::string arguments;
  if (!action.type.empty()) arguments += " of " + action.type;
  if (action.width.value != 0)
    arguments +=
        fmt::format(" of {} bit in a bank of {} bytes", action.width.value, action.capacity.value);
  return fmt::format("{}.{}: {}{}", action.component, action.activity,
                     primitive_name(action.primitive), arguments);
}

bool has_action(const Counts& counts, const std::string& component, Primitive primitive,
                std::int64_t least) {
  return std::any_of(counts.begin(), counts.end(), [&](const Action& a) {
    return a.component == component && a.primitive == primitive && a.count >= least;
  });
}

bool has_states(const Counts& counts, const std::string& component) {
  const auto has = [&](Primitive state) { return has_action(counts, component, state, 0); };
  return has(Primitive::kDramOpen) || has(Primitive::kDramClosed) ||
         has(Primitive::kDramPowerDown) || has(Primitive::kDramRefreshing);
}

/// Bits that a table by commands would price only in part: the model that moved them counts none.
/// Or time without its states: results of versions that had none.
std::string missing_commands(const Counts& counts, const EnergyTable& table) {
  const auto* prices = std::get_if<DramPerCommand>(&table.dram.scheme);
  if (prices == nullptr) return "";
  for (const Action& action : counts) {
    if (action.primitive == Primitive::kDramBackground && prices_states(*prices) &&
        !has_states(counts, action.component))
      return fmt::format(
          "energy table \"{}\" prices DRAM by the states of its ranks, and the result has no "
          "counts "
          "of {} ({}, {}, ...), as it is of an older version: run again, or take prices without "
          "states",
          table.name, action.component, primitive_name(Primitive::kDramOpen),
          primitive_name(Primitive::kDramClosed));
    const bool is_read = action.primitive == Primitive::kDramRead;
    if ((!is_read && action.primitive != Primitive::kDramWrite) || action.count == 0) continue;
    if (!has_action(counts, action.component,
                    is_read ? Primitive::kDramReadBurst : Primitive::kDramWriteBurst, 1))
      return fmt::format(
          "energy table \"{}\" prices DRAM by commands, and {}.{} counts none: use "
          "a cycle-level DRAM or a price per access",
          table.name, action.component, action.activity);
  }
  return "";
}

/// What the energy of `action` is reported under: its component; of a DRAM that is priced by
/// commands every activity apart.
std::string component_of(const Action& action, const EnergyTable& table) {
  const bool apart = std::holds_alternative<DramPerCommand>(table.dram.scheme);
  switch (action.primitive) {
    case Primitive::kDramRead:
      return apart ? action.component + "_read_io" : action.component;
    case Primitive::kDramWrite:
      return apart ? action.component + "_write_io" : action.component;
    case Primitive::kDramActivate:
    case Primitive::kDramReadBurst:
    case Primitive::kDramWriteBurst:
    case Primitive::kDramRefresh:
    case Primitive::kDramBackground:
    case Primitive::kDramRefreshBank:
    case Primitive::kDramOpen:
    case Primitive::kDramClosed:
    case Primitive::kDramPowerDown:
    case Primitive::kDramRefreshing:
    case Primitive::kDramOpenBanks:
      return apart ? action.component + "_" + action.activity : action.component;
    default:
      return action.component;
  }
}

DramCost cost_of(const EnergyReport& report, const EnergyTable& table) {
  DramCost cost;
  cost.total = report.total;
  cost.boundary = provenance(table.dram).boundary;
  for (const PricedAction& row : report.actions) {
    if (!is_dram(row.action.primitive)) continue;
    cost.dram += row.energy;
    cost.low += Picojoules(row.energy.value / row.unit.uncertainty);
    cost.high += Picojoules(row.energy.value * row.unit.uncertainty);
    const std::string name = component_of(row.action, table);
    const auto part = std::find_if(report.components.begin(), report.components.end(),
                                   [&](const ComponentEnergy& c) { return c.component == name; });
    const bool known = std::any_of(cost.parts.begin(), cost.parts.end(),
                                   [&](const ComponentEnergy& c) { return c.component == name; });
    if (part != report.components.end() && !known) cost.parts.push_back(*part);
    if (row.unit.origin == PriceOrigin::kUnpriced && row.action.count != 0)
      cost.unpriced.push_back(row.action.activity);
  }
  return cost;
}

}  // namespace

std::vector<PricedAction> EnergyReport::unpriced() const {
  std::vector<PricedAction> rows;
  for (const PricedAction& row : actions)
    if (row.unit.origin == PriceOrigin::kUnpriced && row.action.count != 0) rows.push_back(row);
  return rows;
}

UnitPrice unit_price(const Action& action, const EnergyTable& table) {
  const std::optional<UnitPrice> price = find_price(action, table);
  if (price && !(price->energy.value <= kMaxPrice.value))  // also where it is no number
    throw input_error(fmt::format(
        "energy table \"{}\": {}: {} pJ by its rules ({}), expected at most {} pJ", table.name,
        described(action), price->energy.value, price->why, kMaxPrice.value));
  if (price) return *price;
  throw input_error(
      fmt::format("energy table \"{}\" has no price for {}; add a row, or list it "
                  "under unpriced",
                  table.name, described(action)));
}

EnergyReport price(const Counts& counts, const EnergyTable& table) {
  EnergyReport report;
  report.table = table.name;
  std::string problems = missing_commands(counts, table);
  for (const Action& action : counts) {
    UnitPrice unit;
    try {
      unit = unit_price(action, table);
    } catch (const Error& e) {
      if (action.count != 0) problems += (problems.empty() ? "" : "\n") + std::string(e.what());
      continue;
    }
    const Picojoules energy(static_cast<double>(action.count) * unit.energy.value);
    const std::string name = component_of(action, table);
    auto component =
        std::find_if(report.components.begin(), report.components.end(),
                     [&](const ComponentEnergy& row) { return row.component == name; });
    // A part that the table does not price on its own, or that did nothing, is none.
    const bool has_price =
        unit.origin == PriceOrigin::kQuoted || unit.origin == PriceOrigin::kDerived;
    const bool part = name == action.component || (has_price && action.count != 0);
    if (component == report.components.end() && part)
      component = report.components.insert(component, {name, Picojoules()});
    if (component != report.components.end()) component->energy += energy;
    report.actions.push_back({action, std::move(unit), energy});
  }
  if (!problems.empty()) throw input_error(problems);
  for (const ComponentEnergy& row : report.components) report.total += row.energy;
  return report;
}

Prices make_prices(const EnergyTable& table, const std::string& dram,
                   const std::optional<DramPrices>& device, DramPricing counted) {
  Prices prices{table, std::nullopt, dram, counted};
  if (device) {
    prices.device = table;
    prices.device->dram = *device;
    Provenance& from = provenance(prices.device->dram);
    if (from.source.empty()) from.source = fmt::format("no source named with {}", dram);
  } else if (counted == DramPricing::kDevice) {
    throw input_error(fmt::format(
        "dram_prices: device: the DRAM \"{}\" is not priced by its own, as its file has "
        "no `energy`; `table` prices it by the energy table \"{}\"",
        dram, table.name));
  }
  return prices;
}

EnergyReport price(const Counts& counts, const Prices& prices) {
  EnergyReport report = price(counts, prices.table);
  const DramCost by_table = cost_of(report, prices.table);
  std::optional<DramCost> by_device;
  if (prices.device) {
    EnergyReport own = price(counts, *prices.device);
    by_device = cost_of(own, *prices.device);
    if (prices.counted == DramPricing::kDevice) report = std::move(own);
  }
  report.dram = prices.dram;
  report.counted = prices.counted;
  report.by_table = by_table;
  report.by_device = std::move(by_device);
  return report;
}

}  // namespace bitjoule
