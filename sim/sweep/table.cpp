#include "sim/sweep/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/config/utf8.h"
#include "sim/output/text.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"

namespace bitjoule {
namespace {

std::string cell(const SweepResults& results, const PointResult& point, const std::string& metric) {
  const std::optional<double> value = metric_of(point, metric);
  if (!value) {
    const boost::json::value* other = point.metrics.if_contains(metric);
    return other == nullptr     ? "-"
           : other->is_string() ? std::string(other->as_string())
                                : boost::json::serialize(*other);
  }
  std::string text = metric_text(metric, *value, energies_of(point.metrics).unit);
  const PointResult* base =
      unit_of(metric) == "dB" ? nullptr : baseline_of(results, point);  // a ratio already
  if (base != nullptr && base != &point && is_comparable(metric, *base, point))
    if (const auto own = whole_metric_of(point, metric), other = whole_metric_of(*base, metric);
        own && other)
      if (const std::string times = times_text(*value, *other); !times.empty() && *value != *other)
        text += " (" + times + ")";
  return text;
}

/// "failed: why", "not run", "not run: why".
std::string state_text(const PointResult& point) {
  const std::string why = point.message.substr(0, point.message.find('\n'));
  if (point.status == PointStatus::kFailed) return "failed: " + why;
  return why.empty() ? "not run" : "not run: " + why;
}

}  // namespace

namespace {

/// Of an energy that stands for ratios of a MAC, by the unit that it has otherwise; empty: of none.
std::string ratio_text(const std::string& unit, double value) {
  if (unit == "pJ") return joules_text(value, PriceUnit::kMac);
  if (unit == "J") return joules_text(value * 1e12, PriceUnit::kMac);
  if (unit == "W") return watts_text(value, PriceUnit::kMac);
  if (unit == "W/mm2") return watts_text(value, PriceUnit::kMac) + "/mm2";
  if (unit == "TOPS/W") return digits_text(value) + " op/MAC";
  return "";
}

}  // namespace

std::string metric_text(const std::string& metric, double value, PriceUnit energies) {
  const std::string unit = unit_of(metric);
  if (!std::isfinite(value)) return unit == "dB" ? "exact" : "-";
  if (unit == "dB") return fmt::format("{:.1f} dB", value);
  if (energies == PriceUnit::kMac)
    if (std::string ratio = ratio_text(unit, value); !ratio.empty()) return ratio;
  if (unit == "share") return percent(value);
  if (unit == "pJ") return si(value * 1e-12, "J");
  static const std::vector<std::string> kPrefixed = {"B", "B/s", "MAC/s", "s", "Hz", "J", "W"};
  if (std::find(kPrefixed.begin(), kPrefixed.end(), unit) != kPrefixed.end())
    return si(value, unit);
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return with_commas(static_cast<std::int64_t>(value));
  return digits_text(value);
}

std::string results_table(const SweepResults& results,
                          const std::vector<const PointResult*>& points,
                          const std::vector<std::string>& metrics, std::size_t most) {
  std::vector<std::vector<std::string>> rows(1, results.columns);
  rows[0].insert(rows[0].end(), metrics.begin(), metrics.end());
  std::vector<std::string> notes(1);
  for (std::size_t i = 0; i < std::min(most, points.size()); ++i) {
    rows.push_back(points[i]->labels);
    const bool is_done = points[i]->status == PointStatus::kDone;
    for (const std::string& metric : metrics)
      rows.back().push_back(is_done ? cell(results, *points[i], metric) : "");
    const std::string broken = broken_constraints(results, *points[i]);
    notes.push_back(!is_done ? state_text(*points[i]) : broken.empty() ? "" : "breaks " + broken);
  }
  for (auto& row : rows)
    for (std::string& text : row) text = printable_line(text);
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i)
      line += i < results.columns.size() ? fmt::format("{:<{}}  ", rows[r][i], widths[i])
                                         : fmt::format("{:>{}}  ", rows[r][i], widths[i]);
    line += notes[r];
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  if (points.size() > most) out += fmt::format("... and {} more points\n", points.size() - most);
  return out;
}

}  // namespace bitjoule
