// What pages say of accuracy: against energy and bytes, and which differences are smaller than
// their errors.
#include "sim/report/report_accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "sim/output/text.h"
#include "sim/report/report_parts.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

constexpr const char* kKl = "accuracy.kl";
constexpr const char* kLoss = "accuracy.change.nll";
constexpr double kTold = 2;  // standard errors, as Mean::is_told_from_zero

std::string with_error(const PointResult& point, const std::string& metric) {
  const std::optional<double> value = metric_of(point, metric),
                              error = metric_of(point, metric + "_error");
  if (!value) return "";
  return error ? fmt::format("{:.3g} ± {:.1g}", *value, *error) : fmt::format("{:.3g}", *value);
}

/// "+0.0006 ± 0.0004: smaller than its error".
std::string change_words(const PointResult& point) {
  const std::optional<double> change = metric_of(point, kLoss),
                              error = metric_of(point, "accuracy.change.nll_error");
  if (!change || !error) return "";
  const double size = std::fabs(*change);
  const char* told = size < *error           ? ": smaller than its error"
                     : size < kTold * *error ? ": less than twice its error, not told from none"
                                             : "";
  return change_text(*change, *error, "±") + told;
}

/// Points with nearly the same KL: which of them is better nobody can tell.
std::vector<std::string> alike(const std::vector<const PointResult*>& front) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i + 1 < front.size(); ++i) {
    const double a = *metric_of(*front[i], kKl), b = *metric_of(*front[i + 1], kKl);
    const double error = std::hypot(metric_of(*front[i], "accuracy.kl_error").value_or(0),
                                    metric_of(*front[i + 1], "accuracy.kl_error").value_or(0));
    if (std::fabs(a - b) < error)
      notes.push_back(
          fmt::format("{} and {}: their KL differs by {:.2g}, which is smaller than its error of "
                      "{:.2g} at most.",
                      point_label(*front[i]), point_label(*front[i + 1]), std::fabs(a - b), error));
  }
  return notes;
}

constexpr const char* kEnergy = "energy.total_pj";
constexpr const char* kWeights = "network.memory.weights_bytes";

}  // namespace

std::string accuracy_section(const PointResult& run) {
  if (!metric_of(run, kKl)) return "";
  std::vector<std::vector<html::Cell>> rows;
  const auto add = [&](const char* what, const std::string& text) {
    if (!text.empty()) rows.push_back({{what, {}}, {text, {}}});
  };
  const std::string perplexity = metric_cell(run, "accuracy.perplexity").text;
  if (!perplexity.empty())
    add("perplexity",
        perplexity + ", in float64 " + metric_cell(run, "accuracy.float.perplexity").text);
  add("change of the loss, nats", change_words(run));
  add("KL from float64, nats", with_error(run, kKl));
  add("same likeliest prediction, share", with_error(run, "accuracy.agreement.top1"));
  add("right predictions, share", with_error(run, "accuracy.correct.top1"));
  add("SQNR of the outputs", metric_cell(run, "accuracy.sqnr_db").text);
  // A path has no place to break in a column of a table.
  const std::string data = metric_cell(run, "accuracy.data").text;
  return html::section("Accuracy",
                       fmt::format("<p class=\"note\">Of {}.</p>\n",
                                   html::escape(std::filesystem::path(data).filename().string())) +
                           html::table({"", ""}, rows));
}

std::string accuracy_section(const SweepResults& results) {
  std::vector<std::vector<html::Cell>> rows;
  for (const PointResult& point : results.points) {
    if (!metric_of(point, kKl)) continue;
    rows.push_back({{point_label(point), {}}});
    for (const char* metric : {kEnergy, kWeights})
      rows.back().push_back(metric_cell(point, metric));
    rows.back().push_back(metric_cell(point, "accuracy.perplexity"));
    rows.back().push_back({with_error(point, kKl), metric_of(point, kKl)});
    rows.back().push_back({with_error(point, "accuracy.agreement.top1"),
                           metric_of(point, "accuracy.agreement.top1")});
    rows.back().push_back({change_words(point), metric_of(point, kLoss)});
  }
  if (rows.empty()) return "";
  std::string notes;
  for (const std::string& note : alike(pareto_front(results, {kKl, kEnergy})))
    notes += fmt::format("<p class=\"note\">{}</p>\n", html::escape(note));
  return html::section(
      "Accuracy",
      notes + html::table({"", "energy", "weights", "perplexity", "KL from float64, nats",
                           "same likeliest prediction, share", "change of the loss, nats"},
                          rows));
}

}  // namespace bitjoule
