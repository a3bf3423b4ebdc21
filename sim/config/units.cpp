#include "sim/config/units.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace bitjoule {
namespace {

constexpr std::int64_t kKilo = 1'000, kMega = 1'000'000, kGiga = 1'000'000'000,
                       kTera = 1'000'000'000'000;
constexpr std::int64_t kKibi = 1 << 10, kMebi = 1 << 20, kGibi = 1 << 30,
                       kTebi = std::int64_t{1} << 40;

const UnitTable kBytes{"a size",
                       "64 KiB",
                       false,
                       {{"B", 1},
                        {"kB", kKilo},
                        {"KiB", kKibi},
                        {"MB", kMega},
                        {"MiB", kMebi},
                        {"GB", kGiga},
                        {"GiB", kGibi},
                        {"TB", kTera},
                        {"TiB", kTebi}}};
const UnitTable kBits{"a width", "64 bit", true, {{"bit", 1}, {"b", 1}}};
const UnitTable kCycles{"a number of cycles", "4 cycles", true, {{"cycles", 1}}};
const UnitTable kHertz{
    "a frequency", "1 GHz", false, {{"Hz", 1}, {"kHz", kKilo}, {"MHz", kMega}, {"GHz", kGiga}}};
const UnitTable kTime{
    "a time",
    "0.833 ns",
    false,
    {{"fs", 1}, {"ps", kKilo}, {"ns", kMega}, {"us", kGiga}, {"ms", kTera}, {"s", kTera* kKilo}}};
const UnitTable kBandwidth{"a bandwidth",
                           "12.8 GB/s",
                           false,
                           {{"B/s", 1},
                            {"kB/s", kKilo},
                            {"KiB/s", kKibi},
                            {"MB/s", kMega},
                            {"MiB/s", kMebi},
                            {"GB/s", kGiga},
                            {"GiB/s", kGibi},
                            {"TB/s", kTera}}};
const UnitTable kLength{"a length", "25 um", false, {{"nm", 1}, {"um", kKilo}, {"mm", kMega}}};
const UnitTable kEnergy{
    "an energy", "3.7 pJ", false, {{"fJ", 1}, {"pJ", kKilo}, {"nJ", kMega}, {"uJ", kGiga}}};

const UnitTable kPower{
    "a power", "1.2 mW", false, {{"nW", 1}, {"uW", kKilo}, {"mW", kMega}, {"W", kGiga}}};
const UnitTable kArea{"an area", "0.5 mm2", false, {{"nm2", 1}, {"um2", kMega}, {"mm2", kTera}}};
const UnitTable kVoltage{"a voltage", "0.9 V", false, {{"mV", 1}, {"V", kKilo}}};

/// A decimal number as digits * 10^-decimals, and what follows it.
struct Decimal {
  std::int64_t digits = 0;
  std::int64_t scale = 1;  // 10^decimals
  std::string unit;
};

std::optional<Decimal> split_decimal(const std::string& text) {
  Decimal result;
  std::size_t i = 0;
  bool any = false, fraction = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !fraction && any) {
      fraction = true;
    } else if (c >= '0' && c <= '9') {
      constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 10 - 1;
      if (result.digits > kMost || result.scale > kMost) return std::nullopt;
      result.digits = result.digits * 10 + (c - '0');
      if (fraction) result.scale *= 10;
      any = true;
    } else {
      break;
    }
  }
  if (!any || text[i - 1] == '.') return std::nullopt;
  if (i < text.size() && text[i] == ' ') ++i;
  result.unit = text.substr(i);
  return result;
}

}  // namespace

const UnitTable& units_of(Bytes) { return kBytes; }
const UnitTable& units_of(Bits) { return kBits; }
const UnitTable& units_of(Cycles) { return kCycles; }
const UnitTable& units_of(Hertz) { return kHertz; }
const UnitTable& units_of(Femtoseconds) { return kTime; }
const UnitTable& units_of(BytesPerSecond) { return kBandwidth; }
const UnitTable& units_of(Nanometers) { return kLength; }
const UnitTable& units_of(Picojoules) { return kEnergy; }
const UnitTable& units_of(Milliwatts) { return kPower; }
const UnitTable& units_of(SquareMicrometres) { return kArea; }
const UnitTable& units_of(Volts) { return kVoltage; }

const std::vector<const UnitTable*>& unit_tables() {
  static const std::vector<const UnitTable*> kAll = {&kBytes, &kBits,      &kCycles, &kHertz,
                                                     &kTime,  &kBandwidth, &kLength, &kEnergy,
                                                     &kPower, &kArea,      &kVoltage};
  return kAll;
}

std::optional<std::int64_t> parse_quantity(const std::string& text, const UnitTable& table) {
  __extension__ using wide = __int128;
  const std::optional<Decimal> number = split_decimal(text);
  if (!number) return std::nullopt;
  std::int64_t factor = table.bare && number->unit.empty() ? 1 : 0;
  for (const Unit& unit : table.units)
    if (unit.name == number->unit) factor = unit.factor;
  if (factor == 0) return std::nullopt;
  const wide amount = static_cast<wide>(number->digits) * factor;
  if (amount % number->scale != 0) return std::nullopt;
  const wide whole = amount / number->scale;
  if (whole > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

std::string quantity_text(std::int64_t amount, const UnitTable& table) {
  const Unit* best = &table.units.front();
  for (const Unit& unit : table.units)
    if (amount != 0 && amount % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  return fmt::format("{} {}", amount / best->factor, best->name);
}

std::optional<double> parse_real(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> parse_real_quantity(const std::string& text, const UnitTable& table,
                                          const std::string& kept) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  std::string unit(stop, end);
  if (!unit.empty() && unit.front() == ' ') unit.erase(0, 1);
  double base = 1;
  for (const Unit& row : table.units)
    if (row.name == kept) base = static_cast<double>(row.factor);
  for (const Unit& row : table.units) {
    if (row.name != unit) continue;
    // The row of the unit kept is exact; the others are one rounding away.
    return unit == kept ? number : number * (static_cast<double>(row.factor) / base);
  }
  return std::nullopt;
}

}  // namespace bitjoule
