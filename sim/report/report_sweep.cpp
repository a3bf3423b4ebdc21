// The page about a sweep.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "sim/output/text.h"
#include "sim/report/chart_table.h"
#include "sim/report/report_accuracy.h"
#include "sim/report/report_data.h"
#include "sim/report/report_parts.h"
#include "sim/report/verdict.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/output.h"
#include "sim/sweep/parallel.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/store.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// ", SQNR of the output 31.2 dB against 140 dB": what a saving costs in the output's error, where
/// known.
std::string error_beside(const SweepResults& results, const PointResult& point) {
  const PointResult* base = baseline_of(results, point);
  const std::string error = base == nullptr ? "" : error_against(point, *base);
  return ", " + (error.empty() ? "error of the output not computed" : error);
}

/// Of each metric with a baseline: the point that is best against its own.
std::vector<html::Card> headline_cards(const SweepResults& results,
                                       const std::vector<std::string>& metrics) {
  std::vector<html::Card> cards;
  for (const std::string& metric : metrics) {
    const PointResult* best = nullptr;
    double most = 1;
    for (const PointResult& point : results.points) {
      const PointResult* base = baseline_of(results, point);
      if (base == nullptr || base == &point || !broken_constraints(results, point).empty() ||
          !is_comparable(metric, *base, point))
        continue;
      const std::optional<double> value = whole_metric_of(point, metric),
                                  other = whole_metric_of(*base, metric);
      if (!value || !other || !(*value > 0) || !(*other > 0)) continue;
      const double gain = more_is_better(metric) ? *value / *other : *other / *value;
      if (gain <= most) continue;
      most = gain;
      best = &point;
    }
    if (best == nullptr || metric.find("_db") != std::string::npos) continue;
    cards.push_back({heading_of(metric), times_text(more_is_better(metric) ? most : 1 / most, 1),
                     fmt::format("{} at {}{}", metric_cell(*best, metric).text, point_label(*best),
                                 error_beside(results, *best))});
  }
  return cards;
}

std::string notes_below(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes)
    out += fmt::format("<p class=\"note\">{}.</p>", html::escape(note));
  return out;
}

/// Decibels are ratios already; a divergence is against the float network, whose own is nothing.
bool has_ratio(const SweepResults& results, const std::string& metric) {
  const auto has = [&](const char* part) { return metric.find(part) != std::string::npos; };
  return !results.baseline.empty() && !has("_db") && !has("accuracy.kl");
}

/// `linked`: all of the points that the page's charts show.
std::string points_table(const SweepResults& results, const std::vector<std::string>& metrics,
                         bool linked = false) {
  std::vector<std::string> headings;
  for (const std::string& column : results.columns) headings.push_back(column_title(column));
  std::vector<std::vector<html::Cell>> rows;
  for (const std::string& metric : metrics) {
    headings.push_back(heading_of(metric));
    if (has_ratio(results, metric)) headings.push_back("against the baseline");
  }
  const bool has_failed = count_failed(results) > 0;
  if (!results.constraints.empty()) headings.emplace_back("breaks");
  if (has_failed) headings.emplace_back("failed");
  for (const PointResult& point : results.points) {
    std::vector<html::Cell> row;
    for (const std::string& label : point.labels)
      row.push_back({short_label(label), number_of(label)});
    const PointResult* base = baseline_of(results, point);
    for (const std::string& metric : metrics) {
      row.push_back(metric_cell(point, metric));
      if (!has_ratio(results, metric)) continue;
      const auto value = whole_metric_of(point, metric);
      const auto other = base == nullptr ? std::nullopt : whole_metric_of(*base, metric);
      const bool is_ratio = value && other && *other > 0 && *value - *value == 0 &&
                            is_comparable(metric, *base, point);
      row.push_back(is_ratio ? html::Cell{times_text(*value, *other), *value / *other}
                             : html::Cell{"", {}});
    }
    if (!results.constraints.empty()) row.push_back({broken_constraints(results, point), {}});
    if (has_failed) row.push_back({point.message, {}});
    rows.push_back(std::move(row));
  }
  return html::table(headings, rows, linked);
}

/// The points that no other beats in all of energy, time and area; where areas are known.
std::string trade_section(const SweepResults& results) {
  const std::vector<std::string> metrics = {"energy.total_pj", "time_s", "area.total_mm2"};
  SweepResults front = results;
  front.points.clear();
  front.baseline.clear();
  for (const PointResult* point : pareto_front(results, metrics)) front.points.push_back(*point);
  if (front.points.empty()) return "";
  return html::section(
      "Energy, time and area",
      points_table(front, metrics) +
          "<p class=\"note\">The Pareto front: no point beats these in all three.</p>" +
          notes_below(pareto_notes(results, metrics)));
}

/// The stored result of a point, whose configuration the report shows.
std::optional<json::object> stored_result(const SweepResults& results, const PointResult& point,
                                          const std::string& file) {
  const ResultStore store((fs::path(file).parent_path() / results.store).string());
  std::optional<StoredPoint> stored = store.find(point.hash);
  if (!stored || !stored->failure.empty()) return std::nullopt;
  return std::move(stored->result);
}

/// Points that are done by the table alone: nothing bears their numbers out.
std::string lost_note(const SweepResults& results, const std::vector<const PointResult*>& done,
                      const std::string& file) {
  std::vector<char> is_lost(done.size());
  for_each_index(done.size(), [&](std::size_t i) {
    is_lost[i] = stored_result(results, *done[i], file) ? 0 : 1;
  });
  const auto lost = std::count(is_lost.begin(), is_lost.end(), 1);
  if (lost == 0) return "";
  return fmt::format(
      "<p class=\"note\">The results of {} of {} points are not in {}: their numbers are those of "
      "the table alone.</p>",
      lost, done.size(), html::escape(results.store));
}

}  // namespace

std::string sweep_report(const std::string& file) {
  const SweepResults results = load_results(file);
  const std::vector<std::string> metrics = table_metrics(results);
  std::vector<const PointResult*> done, all;
  for (const PointResult& point : results.points) {
    all.push_back(&point);
    if (point.status == PointStatus::kDone) done.push_back(&point);
  }
  std::string base;
  for (const auto& [column, labels] : results.baseline)
    base += fmt::format("{}{}: {}", base.empty() ? "" : ", ", column_title(column),
                        fmt::join(labels, " or "));
  std::vector<const PointResult*> baselines;
  for (const PointResult* point : all) baselines.push_back(baseline_of(results, *point));
  std::vector<PointsFront> fronts;
  std::vector<std::string> notes;
  for (const PointsRow* chart : {&pareto_chart(), &accuracy_chart(), &weights_chart()}) {
    const std::vector<std::string> trade = {chart->x.metric, chart->y.metric};
    fronts.push_back({chart, pareto_front(results, trade)});
    if (fronts.back().points.empty()) continue;  // and so is the chart
    for (std::string& note : pareto_notes(results, trade))
      if (std::find(notes.begin(), notes.end(), note) == notes.end())
        notes.push_back(std::move(note));
  }
  const json::object data =
      report_data({"points", results.columns, all, base, std::move(baselines)}, fronts);
  const Verdict verdict = sweep_verdict(results);
  std::string body = fmt::format(
      "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"verdict\">{}</p>\n",
      html::escape(results.name), html::escape(results.question), html::escape(verdict.headline));
  if (!verdict.lines.empty()) body += "<ul class=\"verdict\">\n";
  for (const std::string& line : verdict.lines)
    body += fmt::format("<li>{}</li>\n", html::escape(line));
  if (!verdict.lines.empty()) body += "</ul>\n";
  const auto result =
      verdict.best == nullptr ? std::nullopt : stored_result(results, *verdict.best, file);
  if (const auto cards = headline_cards(results, metrics); !cards.empty()) {
    body +=
        html::section("At best, against the baseline",
                      fmt::format("<p class=\"note\">{}, all else equal.</p>", html::escape(base)) +
                          html::cards(cards));
  }
  const std::string best = verdict.best == nullptr ? "" : point_label(*verdict.best);
  if (result) body += machine_section(*result, verdict.best->metrics, best);
  body += "<div id=\"choices\"></div>\n" + chart_sections(data);
  if (body.find("data-chart=\"pareto") != std::string::npos ||
      body.find("data-chart=\"accuracy") != std::string::npos)
    body += notes_below(notes);
  body += html::section(fmt::format("{} points", results.points.size()),
                        notes_below(notes_of(results)) + notes_below(unpriced_notes(results)) +
                            lost_note(results, done, file) + points_table(results, metrics, true));
  body += accuracy_section(results) + trade_section(results) + figures(file);
  if (result)
    body += html::section(
        "Reproduce",
        reproduce(*result, fmt::format("The machine and the configuration shown are those of {}; "
                                       "the other points differ by the columns of the table.",
                                       html::escape(best))));
  return html::page(results.name, body, data);
}

}  // namespace bitjoule
