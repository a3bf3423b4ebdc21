// Numbers as people read them: three or four digits and a unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/energy/price.h"
#include "core/numeric/quality.h"

namespace bitjoule {

/// 1234567 -> "1,234,567".
std::string with_commas(std::int64_t n);
/// "12.3 GB/s"-like: the SI prefix that keeps one to three digits before the point.
std::string si(double value, const std::string& unit);
/// Four digits without an exponent: "319,600", "12.35", "0.5".
std::string digits_text(double value);
/// Characters of a text in UTF-8.
std::size_t character_count(const std::string& text);
/// At most `size` of them, three at least, its beginning and its end: "layers/resn...ode.yaml".
std::string shortened(const std::string& text, std::size_t size);
/// A change and its standard error, by `between`: "+0.0006 +- 0.0004", "-3.1e-10 +- 6e-10".
std::string change_text(double change, double error, const char* between);
/// "37.5 %".
std::string percent(double share);
/// How a value compares with another: "4.00 times less", "1.30 times more", "equal", "nearly
/// equal" (to half a hundredth); empty where
/// either is not a positive number.
std::string times_text(double value, double than);
/// Bytes as "64 MiB" or "1.5 KiB".
std::string bytes_text(std::int64_t bytes);
/// "3.4 mJ" from picojoules; "3.4 GMAC" where they stand for ratios of a MAC.
std::string joules_text(double picojoules, PriceUnit unit);
/// "3.4 W"; "3.4 TMAC/s" where joules stand for ratios of a MAC.
std::string watts_text(double watts, PriceUnit unit);
/// A row for a component: what of it has a price, by `joules`, at least `width` wide, its `share`,
/// and that some of it has none: "  dram  3.4 mJ  98.0 %  + not priced".
std::string component_line(const EnergyReport& energy, const ComponentEnergy& component, int width,
                           std::string (*joules)(double picojoules, PriceUnit unit),
                           const std::string& share);
/// "SQNR 35.8 dB", and how many values are NaN or infinite and not in it.
std::string sqnr_words(const Quality& error);

}  // namespace bitjoule
