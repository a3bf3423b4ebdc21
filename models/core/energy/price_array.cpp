#include "core/energy/price_array.h"

#include <fmt/format.h>

#include <utility>

#include "core/energy/price_arithmetic.h"

namespace bitjoule {
namespace {

UnitPrice move_price(const MovePrice& row, const Action& action, const EnergyTable& table) {
  if (!row.included.empty())
    return {PriceOrigin::kIncluded, Picojoules(), "included: " + row.included};
  double factor = static_cast<double>(action.width.value) / static_cast<double>(row.width.value);
  std::string rule;
  if (action.width != row.width) rule = fmt::format("{} bit at ", row.width.value);
  if (row.length) {
    const double pitches =
        static_cast<double>(table.pe_pitch->value) / static_cast<double>(row.length->value);
    factor *= pitches;
    rule += fmt::format("{} of the length a PE pitch at ", pitches);
  }
  if (rule.empty()) return quoted_price(row.energy, row.from, table);
  std::string why = fmt::format("{}{} pJ: {}", rule, row.energy.value, source_of(row.from, table));
  if (row.length && !table.pitch_from.empty()) why += "; " + table.pitch_from;
  return {PriceOrigin::kDerived, Picojoules(row.energy.value * factor), std::move(why),
          row.from.uncertainty};
}

UnitPrice share_of(const UnitPrice& whole, double share, const std::string& what) {
  return {PriceOrigin::kDerived, Picojoules(whole.energy.value * share),
          fmt::format("{}: {}", what, whole.why), whole.uncertainty};
}

UnitPrice toggle_price(const UnitPrice& multiply, const Action& action, const EnergyTable& table) {
  const std::optional<DataDependence>& data = table.data_dependence;
  if (!data || data->multiplier != DataMultiplier::kToggled)
    return {PriceOrigin::kIncluded, Picojoules(), "included in the price of a multiplication"};
  // The price is that of random operands, half of whose bits toggle.
  const double bits = operand_bits_of(action.type) / 2.0;
  return share_of(multiply, data->share / bits,
                  fmt::format("{} of a multiplication by {} bits, {}", data->share, bits,
                              source_of(data->from, table)));
}

}  // namespace

bool is_array_move(Primitive primitive) {
  return primitive >= Primitive::kRegisterRead && primitive <= Primitive::kClock;
}

std::optional<UnitPrice> array_price(const Action& action, const EnergyTable& table) {
  for (const MovePrice& row : table.moves)
    if (row.primitive == action.primitive) return move_price(row, action, table);
  const bool active = action.primitive == Primitive::kActiveMultiply;
  if (!active && action.primitive != Primitive::kZeroMultiply &&
      action.primitive != Primitive::kToggle)
    return std::nullopt;
  Action multiplication = action;
  multiplication.primitive = Primitive::kMultiply;
  std::optional<UnitPrice> multiply = arithmetic_price(multiplication, table);
  if (!multiply) return std::nullopt;
  if (action.primitive == Primitive::kToggle) return toggle_price(*multiply, action, table);
  const std::optional<DataDependence>& data = table.data_dependence;
  if (!data) return multiply;
  const std::string source = source_of(data->from, table);
  if (data->multiplier == DataMultiplier::kToggled)
    return share_of(
        *multiply, 1 - data->share,
        fmt::format("all but {} of a multiplication, for toggles, {}", data->share, source));
  if (active) return multiply;
  return share_of(*multiply, data->share,
                  fmt::format("gated: {} of a multiplication, {}", data->share, source));
}

}  // namespace bitjoule
