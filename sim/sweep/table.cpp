#include "sim/sweep/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/config/utf8.h"
#include "sim/output/text.h"

namespace bitjoule {
namespace {

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

struct UnitRow {
  const char* ending;
  const char* unit;
  double factor;
};
/// Endings of the keys of result.json.
constexpr UnitRow kUnits[] = {{"bytes_per_s", "B/s", 1}, {"macs_per_s", "MAC/s", 1},
                              {"_pj", "J", 1e-12},       {"_bytes", "B", 1},
                              {"time_s", "s", 1},        {"_hz", "Hz", 1},
                              {"first_token_s", "s", 1}};

std::string cell(const SweepResults& results, const PointResult& point, const std::string& metric) {
  const std::optional<double> value = metric_of(point, metric);
  if (!value) {
    const boost::json::value* other = point.metrics.if_contains(metric);
    return other == nullptr     ? "-"
           : other->is_string() ? std::string(other->as_string())
                                : boost::json::serialize(*other);
  }
  std::string text = metric_text(metric, *value);
  const PointResult* base = ends_with(metric, "_db") ? nullptr : baseline_of(results, point);
  if (base != nullptr && base != &point)
    if (const std::optional<double> other = metric_of(*base, metric))
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

std::string metric_text(const std::string& metric, double value) {
  if (!std::isfinite(value)) return ends_with(metric, "sqnr_db") ? "exact" : "-";
  if (ends_with(metric, "_db")) return fmt::format("{:.1f} dB", value);
  for (const UnitRow& row : kUnits)
    if (ends_with(metric, row.ending)) return si(value * row.factor, row.unit);
  if (metric.rfind("energy.components.", 0) == 0) return si(value * 1e-12, "J");
  if (ends_with(metric, "utilization") || ends_with(metric, "row_hit_rate")) return percent(value);
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
    notes.push_back(is_done ? "" : state_text(*points[i]));
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
