// What a value of a configuration must satisfy beyond its type: stated once, beside the value's
// name, and read by everybody who checks one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bitjoule {

/// Bounds are inclusive, in base units.
struct Rule {
  std::optional<std::int64_t> min, max;
  std::vector<std::string> choices;  ///< of a string; empty: any
  bool is_file = false;              ///< a string that names a file: read as its path
};
inline Rule range(std::int64_t min, std::int64_t max) { return {min, max, {}, false}; }
inline Rule at_least(std::int64_t min) { return {min, std::nullopt, {}, false}; }
inline Rule one_of(std::vector<std::string> names) {
  return {std::nullopt, std::nullopt, std::move(names), false};
}
/// The name of a data file, looked up beside the file that names it, then in the working directory
/// and in the shipped configs. One that is nowhere stays as it is: a run may not need it.
inline Rule file_name() { return {std::nullopt, std::nullopt, {}, true}; }

/// `true`, `false`, or `auto`: the program chooses.
struct BoolOrAuto {
  bool value = false;
  bool is_auto = false;
};

/// "expected 1..1024", "expected at least 1"; `otherwise` where a rule has no bounds.
template <class Show>
std::string expected_range(const Rule& rule, const std::string& otherwise, Show show) {
  if (rule.min && rule.max) return "expected " + show(*rule.min) + ".." + show(*rule.max);
  if (rule.min) return "expected at least " + show(*rule.min);
  if (rule.max) return "expected at most " + show(*rule.max);
  return otherwise;
}

template <class T>
bool within(T value, const Rule& rule) {
  return (!rule.min || value >= static_cast<T>(*rule.min)) &&
         (!rule.max || value <= static_cast<T>(*rule.max));
}

/// "expected one of a, b, c"
std::string expected_names(const std::vector<std::string>& names);  // checker.cpp

}  // namespace bitjoule
