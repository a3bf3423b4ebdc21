#include "core/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitjoule {

std::string expected_names(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return (names.size() == 1 ? "expected " : "expected one of ") + all;
}

void Checker::integer(std::int64_t value, const Rule& rule, const char* unit) {
  if (within(value, rule)) return;
  const auto plain = [](std::int64_t bound) { return std::to_string(bound); };
  refuse(fmt::format("{}{}, got {}", expected_range(rule, "", plain), unit, value));
}

void Checker::number(double value, const Rule& rule) {
  if (std::isfinite(value) && within(value, rule)) return;
  const auto plain = [](std::int64_t bound) { return std::to_string(bound); };
  refuse(fmt::format("{}, got {}", expected_range(rule, "expected a finite number", plain), value));
}

void Checker::name(const std::string& value, const Rule& rule) {
  const auto& names = rule.choices;
  if (names.empty() || std::find(names.begin(), names.end(), value) != names.end()) return;
  refuse(fmt::format("{}, got \"{}\"", expected_names(names), value));
}

void Checker::real(double value) {
  if (value >= 0 && value <= kMaxReal) return;
  refuse(fmt::format("expected 0..{}, got {}", kMaxReal, value));
}

void Checker::refuse(const std::string& message) {
  if (!problems_.empty()) problems_ += '\n';
  if (!path_.empty()) problems_ += path_ + ": ";
  problems_ += message;
}

/// Lines such as "rows: expected ..." are about a part of the struct at hand, others about all of
/// it.
void Checker::refuse_all(std::string_view messages) {
  while (!messages.empty()) {
    const std::string_view line = messages.substr(0, messages.find('\n'));
    messages.remove_prefix(std::min(line.size() + 1, messages.size()));
    const std::size_t colon = line.find(": ");
    const bool is_named = colon != std::string_view::npos &&
                          line.substr(0, colon).find(' ') == std::string_view::npos;
    const std::size_t size = path_.size();
    if (is_named) path_ += (path_.empty() ? "" : ".") + std::string(line.substr(0, colon));
    refuse(std::string(is_named ? line.substr(colon + 2) : line));
    path_.resize(size);
  }
}

}  // namespace bitjoule
