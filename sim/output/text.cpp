#include "sim/output/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/energy/price_dram.h"

namespace bitjoule {
namespace {

/// A byte that goes on with none.
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

}  // namespace

std::string with_commas(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > (n < 0 ? 1 : 0); i -= 3)
    digits.insert(static_cast<std::size_t>(i), ",");
  return digits;
}

std::string si(double value, const std::string& unit) {
  static constexpr const char* kPrefixes[] = {"f", "p", "n", "u", "m", "",
                                              "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 5;
  double scaled = value;
  while (std::abs(scaled) >= 999.95 && prefix + 1 < std::size(kPrefixes)) scaled /= 1000, ++prefix;
  while (std::abs(scaled) < 1 && scaled != 0 && prefix > 0) scaled *= 1000, --prefix;
  return fmt::format("{:.4g} {}{}", scaled, kPrefixes[prefix], unit);
}

std::string digits_text(double value) {
  std::string text = fmt::format("{:.4g}", value);
  const double rounded = std::isfinite(value) ? std::stod(text) : 0;
  if (std::abs(rounded) < 1000 || std::abs(rounded) > 1e15) return text;
  return with_commas(std::llround(rounded));
}

std::size_t character_count(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string shortened(const std::string& text, std::size_t size) {
  constexpr std::size_t kDots = 3;
  const std::size_t count = character_count(text);
  if (count <= size) return text;
  const std::size_t end = (size - kDots) / 2, begin = size - kDots - end;
  std::string out;
  std::size_t at = 0;  // behind the character
  for (const char c : text) {
    at += begins_character(c) ? 1 : 0;
    if (at == begin + 1 && begins_character(c)) out += "...";
    if (at <= begin || at > count - end) out += c;
  }
  return out;
}

std::string change_text(double change, double error, const char* between) {
  constexpr double kLeastDigit = 1e-4;  // of a change in nats, as people read them
  return error < kLeastDigit / 2 ? fmt::format("{:+.2g} {} {:.1g}", change, between, error)
                                 : fmt::format("{:+.4f} {} {:.4f}", change, between, error);
}

std::string percent(double share) { return fmt::format("{:.1f} %", share * 100); }

std::string times_text(double value, double than) {
  if (!(value > 0) || !(than > 0) || !std::isfinite(value) || !std::isfinite(than)) return "";
  if (value == than) return "equal";
  const double ratio = std::max(value / than, than / value);
  if (ratio < 1.005) return "nearly equal";
  const int digits = ratio < 9.995 ? 2 : ratio < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} times {}", ratio, digits, value > than ? "more" : "less");
}

std::string bytes_text(std::int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  return fmt::format("{:.4g} {}", value, kUnits[unit]);
}

std::string joules_text(double picojoules, PriceUnit unit) {
  return unit == PriceUnit::kMac ? si(picojoules, "MAC") : si(picojoules * 1e-12, "J");
}

std::string watts_text(double watts, PriceUnit unit) {
  return unit == PriceUnit::kMac ? si(watts * 1e12, "MAC/s") : si(watts, "W");
}

std::string component_line(const EnergyReport& energy, const ComponentEnergy& component, int width,
                           std::string (*joules)(double picojoules, PriceUnit unit),
                           const std::string& share) {
  bool is_priced = false, lacks = false;
  for (const PricedAction& row : energy.actions) {
    const Action& a = row.action;
    if (a.primitive == Primitive::kSramLeakage || a.primitive == Primitive::kLeakage)
      continue;  // told once for all components
    const bool is_bits =
        a.primitive == Primitive::kDramRead || a.primitive == Primitive::kDramWrite;
    if (is_dram(a.primitive) && !is_bits && a.component == component.component)
      continue;  // what a price per bit has not is told with the prices of the DRAM
    if (a.count == 0 || (a.component != component.component &&
                         a.component + "_" + a.activity != component.component))
      continue;
    (row.unit.origin == PriceOrigin::kUnpriced ? lacks : is_priced) = true;
  }
  const bool is_unknown = lacks && !is_priced;
  return fmt::format("  {:<20} {:>{}}  {:>7}{}\n", component.component,
                     is_unknown ? "not priced" : joules(component.energy.value, energy.unit), width,
                     share, lacks && is_priced ? "  + not priced" : "");
}

std::string sqnr_words(const Quality& error) {
  const std::string others = with_commas(error.not_finite) + " values NaN or infinite";
  if (error.count == 0) return error.not_finite == 0 ? "nothing to compare" : "all " + others;
  const std::string sqnr = std::isfinite(error.sqnr_db) ? fmt::format("{:.1f} dB", error.sqnr_db)
                                                        : std::string("infinite");
  return fmt::format("SQNR {}{}", sqnr, error.not_finite == 0 ? "" : " without " + others);
}

}  // namespace bitjoule
