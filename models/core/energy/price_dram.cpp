#include "core/energy/price_dram.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/energy/price_arithmetic.h"
#include "core/enums.h"

namespace bitjoule {
namespace {

/// Of what is no bit: all of it is in a price per bit of a system; of a device the commands that
/// move bits are, of the interface alone nothing else. Refresh and standby cost time, not bits.
UnitPrice price_within_bits(const Action& action, const DramPerAccess& prices) {
  const Boundary boundary = prices.from.boundary;
  const bool moves_bits = action.primitive == Primitive::kDramActivate ||
                          action.primitive == Primitive::kDramReadBurst ||
                          action.primitive == Primitive::kDramWriteBurst;
  if (boundary == Boundary::kSystem || (moves_bits && boundary != Boundary::kIo))
    return {PriceOrigin::kIncluded, Picojoules(), "included in the price per bit"};
  if (boundary == Boundary::kUnstated)
    return {PriceOrigin::kUnpriced, Picojoules(),
            "the source does not say whether its price per bit includes it"};
  return {PriceOrigin::kUnpriced, Picojoules(),
          fmt::format("not in the price per bit, whose boundary is `{}`", enum_name(boundary))};
}

std::optional<UnitPrice> per_access_price(const Action& action, const DramPerAccess& prices,
                                          const EnergyTable& table) {
  if (action.primitive != Primitive::kDramRead && action.primitive != Primitive::kDramWrite)
    return price_within_bits(action, prices);
  if (prices.width.value == 0) return std::nullopt;
  const Picojoules access = action.primitive == Primitive::kDramRead ? prices.read : prices.write;
  return quoted_price(Picojoules(access.value / static_cast<double>(prices.width.value)),
                      prices.from, table);
}

UnitPrice phy_price(const DramPerCommand& prices, const EnergyTable& table) {
  if (prices.phy) return quoted_price(prices.phy->energy, prices.phy->from, table);
  if (prices.from.boundary == Boundary::kSystem)
    return {PriceOrigin::kIncluded, Picojoules(), "included in the prices of the commands"};
  return {PriceOrigin::kUnpriced, Picojoules(),
          "PHY, controller and wires on the chip: the DRAM prices have no `phy`"};
}

std::optional<UnitPrice> per_command_price(const Action& action, const DramPerCommand& prices,
                                           const EnergyTable& table) {
  if (action.primitive == Primitive::kDramPhy) return phy_price(prices, table);
  const std::optional<DramPrice> price = command_price(prices, action);
  if (!price) {
    if (action.primitive == Primitive::kDramBackground)
      return UnitPrice{PriceOrigin::kUnpriced, Picojoules(), "the DRAM prices have no background"};
    if (action.primitive == Primitive::kDramRead || action.primitive == Primitive::kDramWrite)
      return UnitPrice{PriceOrigin::kUnpriced, Picojoules(),
                       "the DRAM prices have " + missing_price(prices, action)};
    return std::nullopt;
  }
  if (price->kind == DramPrice::Kind::kIncluded)
    return UnitPrice{PriceOrigin::kIncluded, Picojoules(), price->formula};
  UnitPrice unit = quoted_price(price->energy, prices.from, table);
  if (price->kind == DramPrice::Kind::kComputed) {
    unit.origin = PriceOrigin::kDerived;
    unit.why = fmt::format("{}: {}", price->formula, source_of(prices.from, table));
  }
  unit.uncertainty = price->uncertainty;
  unit.lacks = price->lacks;
  return unit;
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

}  // namespace

bool is_dram_time(Primitive primitive) {
  switch (primitive) {
    case Primitive::kDramBackground:
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

bool is_dram(Primitive primitive) {
  switch (primitive) {
    case Primitive::kDramRead:
    case Primitive::kDramWrite:
    case Primitive::kDramPhy:
    case Primitive::kDramActivate:
    case Primitive::kDramReadBurst:
    case Primitive::kDramWriteBurst:
    case Primitive::kDramRefresh:
    case Primitive::kDramRefreshBank:
      return true;
    default:
      return is_dram_time(primitive);
  }
}

std::optional<UnitPrice> dram_price(const Action& action, const EnergyTable& table) {
  if (const auto* access = std::get_if<DramPerAccess>(&table.dram.scheme))
    return per_access_price(action, *access, table);
  return per_command_price(action, std::get<DramPerCommand>(table.dram.scheme), table);
}

std::string missing_dram_price(const Action& action, const EnergyTable& table) {
  const std::string& list = origin_of(table.dram).name;
  const auto* commands = std::get_if<DramPerCommand>(&table.dram.scheme);
  return fmt::format("the DRAM prices {} have no price for {}.{}: {}",
                     list.empty() ? fmt::format("of the energy table \"{}\"", table.name)
                                  : fmt::format("\"{}\"", list),
                     action.component, action.activity,
                     commands == nullptr ? "its `width` is 0" : missing_price(*commands, action));
}

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
    if (is_read && prices->phy && !has_action(counts, action.component, Primitive::kDramPhy, 0))
      return fmt::format(
          "energy table \"{}\" prices the PHY of {}, and the result has no count of {}, as it is "
          "of an older version: run again, or take prices without `phy`",
          table.name, action.component, primitive_name(Primitive::kDramPhy));
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

std::string priced_component(const Action& action, const EnergyTable& table) {
  const bool apart = std::holds_alternative<DramPerCommand>(table.dram.scheme);
  switch (action.primitive) {
    case Primitive::kDramRead:
      return apart ? action.component + "_read_io" : action.component;
    case Primitive::kDramWrite:
      return apart ? action.component + "_write_io" : action.component;
    case Primitive::kDramPhy:
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

}  // namespace bitjoule
