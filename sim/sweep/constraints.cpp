#include "sim/sweep/constraints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "sim/config/units.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/price_notes.h"

namespace bitjoule {

bool Constraint::holds(double value) const {
  if (relation == "<=") return value <= bound;
  if (relation == "<") return value < bound;
  if (relation == ">=") return value >= bound;
  return value > bound;
}

Constraint parse_constraint(const std::string& text) {
  const auto trimmed = [](std::string part) {
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    return part;
  };
  const std::size_t at = text.find_first_of("<>");
  if (at != std::string::npos) {
    Constraint c;
    c.relation = text.substr(at, text.compare(at + 1, 1, "=") == 0 ? 2 : 1);
    c.metric = trimmed(text.substr(0, at));
    const std::optional<double> bound = parse_real(trimmed(text.substr(at + c.relation.size())));
    if (bound && !c.metric.empty()) {
      c.bound = *bound;
      return c;
    }
  }
  throw input_error(
      fmt::format("constraints: expected a metric, one of <= < >= >, and a number in the metric's "
                  "unit, such as "
                  "\"area.total_mm2 <= 4\", got \"{}\"",
                  text));
}

std::string broken_constraints(const SweepResults& results, const PointResult& point) {
  if (point.status != PointStatus::kDone) return "";
  std::vector<std::string> broken;
  for (const std::string& text : results.constraints) {
    const Constraint c = parse_constraint(text);
    const std::optional<double> value = whole_metric_of(point, c.metric);
    if (!value)
      broken.push_back(text + ", not known");
    else if (energies_of(point.metrics).unit == PriceUnit::kMac && is_of_energy(c.metric))
      broken.push_back(text + ", not known: energies are in ratios of a MAC");
    else if (!c.holds(*value))
      broken.push_back(text);
  }
  return fmt::format("{}", fmt::join(broken, "; "));
}

std::vector<std::string> unpriced_notes(const SweepResults& results) {
  std::vector<std::string> metrics = table_metrics(results);
  for (const std::string& text : results.constraints)
    metrics.push_back(parse_constraint(text).metric);
  return unpriced_notes(results, metrics,
                        results.constraints.empty() ? "the table" : "table and constraints");
}

}  // namespace bitjoule
