#include "core/energy/price_arithmetic.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "core/numeric/format.h"
#include "core/numeric/mac.h"

namespace bitjoule {
namespace {

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

/// The widths of both operands; 0 of what is no integer.
std::pair<int, int> integer_widths(const std::string& type) {
  const std::size_t cross = type.find('x');
  const int a = integer_bits(type.substr(0, cross));
  return {a, cross == std::string::npos ? a : integer_bits(type.substr(cross + 1))};
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
  const auto [a, b] = integer_widths(type);
  if (a == 0 || b == 0) return std::nullopt;
  return Squared{NumberFamily::kInteger, double(a) * b};
}

/// Equal operands are a type of their own: "int8xint8" and "uint8" are priced as "int8".
std::string canonical_type(const std::string& type) {
  const auto [a, b] = integer_widths(type);
  return a != 0 && a == b ? fmt::format("int{}", a) : type;
}

const char* boundary_name(Boundary boundary) {
  static constexpr const char* kNames[] = {"unit",   "macro",    "io",    "device",
                                           "system", "unstated", "block", "chip"};
  return kNames[static_cast<std::size_t>(boundary)];
}

/// "int4 in int8": operands, and the widest that their multiplier takes; else that is empty.
struct MultiplierType {
  std::string operands, widest;
};
MultiplierType multiplier_type(const std::string& type) {
  static const std::string kIn = " in ";
  const std::size_t in = type.find(kIn);
  if (in == std::string::npos) return {type, ""};
  return {type.substr(0, in), type.substr(in + kIn.size())};
}

std::optional<UnitPrice> fixed_price(Primitive operation, const std::string& operands,
                                     const EnergyTable& table) {
  const std::string type = canonical_type(operands);
  for (const ArithmeticPrice& row : table.arithmetic)
    if (row.operation == operation && row.type == type)
      return quoted_price(row.energy, row.from, table);
  const std::optional<Squared> squared = squared_bits(type);
  if (!squared) return std::nullopt;
  for (const WidthRule& rule : table.rules) {
    if (rule.operation != operation || rule.family != squared->family) continue;
    const double bits = std::sqrt(squared->bits);
    const double energy = rule.quadratic.value * squared->bits + rule.linear.value * bits;
    return UnitPrice{PriceOrigin::kDerived, Picojoules(energy),
                     fmt::format("{} b^2 + {} b pJ at b = {:.4g}: {}", rule.quadratic.value,
                                 rule.linear.value, bits, source_of(rule.from, table)),
                     rule.from.uncertainty};
  }
  return std::nullopt;
}

}  // namespace

std::string source_of(const Provenance& from, const EnergyTable& table) {
  return fmt::format("{}; boundary: {}", from.source.empty() ? table.source : from.source,
                     boundary_name(from.boundary));
}

UnitPrice quoted_price(Picojoules energy, const Provenance& from, const EnergyTable& table) {
  return {from.derived ? PriceOrigin::kDerived : PriceOrigin::kQuoted, energy,
          source_of(from, table), from.uncertainty};
}

std::optional<UnitPrice> arithmetic_price(const Action& action, const EnergyTable& table) {
  const MultiplierType type = multiplier_type(action.type);
  const std::optional<ScalableMultiplier>& scalable = table.scalable_multiplier;
  const auto [a, b] = integer_widths(type.operands);
  const int widest = integer_bits(type.widest);
  if (!scalable || a == 0 || b == 0 || widest == 0)
    return fixed_price(action.primitive, type.operands, table);
  std::optional<UnitPrice> price = fixed_price(action.primitive, type.widest, table);
  if (!price) return std::nullopt;
  const int products = (widest / brick_width(a)) * (widest / brick_width(b));
  price->origin = PriceOrigin::kDerived;
  price->energy.value *= scalable->factor / products;
  price->uncertainty *= scalable->from.uncertainty;
  price->why =
      fmt::format("{} times the {} multiplication for {} products, {}; {}", scalable->factor,
                  type.widest, products, source_of(scalable->from, table), price->why);
  return price;
}

int operand_bits_of(const std::string& type) {
  const std::string operands = multiplier_type(type).operands;
  const auto [a, b] = integer_widths(operands);
  if (a != 0 && b != 0) return a + b;
  for (const MacType& mac : mac_types())
    if (mac.name == operands) return 2 * mac.operand_bits;
  return 0;
}

}  // namespace bitjoule
