#include "sim/report/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "sim/output/text.h"
#include "sim/report/chart_table.h"
#include "sim/report/report_parts.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

/// More combinations than these are summed up in the headline alone.
constexpr std::size_t kMostLines = 8;

/// The component that a part of the energy belongs to: "dram_read_burst" is of the DRAM.
std::string component_of(const std::string& part) {
  for (const char* const component : {"dram", "array"})
    if (part.rfind(std::string(component) + "_", 0) == 0) return component;
  return part;
}

/// The largest of the metrics prefix + name, those of one component summed where they are energies,
/// and its share of them all; empty where all are zero.
std::optional<std::pair<std::string, double>> largest_share(const PointResult& point,
                                                            const std::string& prefix) {
  std::map<std::string, double> sizes;
  double sum = 0;
  for (const auto& row : point.metrics) {
    const std::string key(row.key());
    if (key.rfind(prefix, 0) != 0 || !row.value().is_number()) continue;
    const auto size = row.value().to_number<double>();
    const std::string name = key.substr(prefix.size());
    sum += size;
    sizes[prefix == "stalls." ? name : component_of(name)] += size;
  }
  const auto largest = std::max_element(
      sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (largest == sizes.end() || !(largest->second > 0)) return std::nullopt;
  return std::make_pair(largest->first, largest->second / sum);
}

/// "98 %": whole where that is enough.
std::string share_text(double share) {
  return share > 0.995 && share < 1 ? percent(share) : fmt::format("{:.0f} %", share * 100);
}

std::string does_text(const std::string& cause) {
  for (const PartRow& row : part_looks())
    if (cause == row.name && *row.does != '\0') return row.does;
  return "it is in " + part_title(cause);
}

/// What is best by a metric, and against what.
struct Duel {
  const PointResult* best = nullptr;
  const PointResult* other = nullptr;  ///< the baseline, or the worst
  std::string group;                   ///< the labels that both have
  bool is_baseline = true;
  const PointResult* spoiled = nullptr;  ///< takes less than the best, with an error too large

  double gain(const std::string& metric) const {
    return *metric_of(*other, metric) / *metric_of(*best, metric);
  }
};

bool counts(const SweepResults& results, const PointResult& point, const std::string& metric) {
  const std::optional<double> value = whole_metric_of(point, metric);
  return point.status == PointStatus::kDone && value && *value > 0 &&
         broken_constraints(results, point).empty();
}

/// Why nobody would use a point's output; empty where nothing speaks against it.
std::string spoiled_text(const PointResult& point, const PointResult& base) {
  const auto perplexity = metric_of(point, "accuracy.perplexity"),
             before = metric_of(base, "accuracy.perplexity");
  if (perplexity && before && *perplexity > 2 * *before) return "more than twice the perplexity";
  if (metric_of(point, "error.sqnr_db").value_or(0) < 0) return "more error than signal";
  return "";
}

/// Takes a point into account, as the best or, with an error too large, as what would be.
void consider(const PointResult& point, const std::string& metric, Duel& duel) {
  const PointResult*& place =
      spoiled_text(point, *duel.other).empty() || &point == duel.other ? duel.best : duel.spoiled;
  if (place == nullptr || *metric_of(point, metric) < *metric_of(*place, metric)) place = &point;
}

bool is_compared(const SweepResults& results, std::size_t column) {
  return std::any_of(results.baseline.begin(), results.baseline.end(),
                     [&](const auto& row) { return row.first == results.columns[column]; });
}

/// A label as a sentence has it: a number says of what, "array rows 32".
std::string label_of(const SweepResults& results, const PointResult& point, std::size_t column) {
  const std::string label = short_label(point.labels[column]);
  return number_of(point.labels[column])
             ? fmt::format("{} {}", column_title(results.columns[column]), label)
             : label;
}

/// The labels of the columns that are (not) those of the baseline.
std::string labels_of(const SweepResults& results, const PointResult& point, bool compared) {
  std::string text;
  for (std::size_t c = 0; c < results.columns.size(); ++c)
    if (is_compared(results, c) == compared)
      text += (text.empty() ? "" : ", ") + label_of(results, point, c);
  return text;
}

std::string text_metric(const PointResult& point, const char* metric) {
  const boost::json::value* found = point.metrics.if_contains(metric);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
}

/// Per combination of the columns that the baseline leaves open: the best against the baseline.
std::vector<Duel> against_baseline(const SweepResults& results, const std::string& metric) {
  std::vector<Duel> duels;
  std::map<const PointResult*, std::size_t> places;
  for (const PointResult& point : results.points) {
    const PointResult* base = baseline_of(results, point);
    if (base == nullptr || !counts(results, point, metric) || !counts(results, *base, metric) ||
        !is_comparable(metric, *base, point))
      continue;
    const auto [place, is_new] = places.insert({base, duels.size()});
    if (is_new) duels.push_back({base, base, labels_of(results, point, false), true, nullptr});
    consider(point, metric, duels[place->second]);
  }
  return duels;
}

/// Per workload, and unit of energy: the least against the most.
std::vector<Duel> least_and_most(const SweepResults& results, const std::string& metric) {
  std::vector<Duel> duels;
  std::vector<std::pair<std::string, std::string>> keys;
  for (const PointResult& point : results.points) {
    if (!counts(results, point, metric)) continue;
    const std::pair<std::string, std::string> key = {text_metric(point, "workload"),
                                                     energies_of(point.metrics).text()};
    const auto at =
        static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
    if (at == keys.size()) {
      keys.push_back(key);
      const std::string name = key.first.substr(0, key.first.find(':'));
      duels.push_back({&point, &point, name, false, nullptr});
    }
    Duel& duel = duels[at];
    if (*metric_of(point, metric) < *metric_of(*duel.best, metric)) duel.best = &point;
    if (*metric_of(point, metric) > *metric_of(*duel.other, metric)) duel.other = &point;
  }
  return duels;
}

const struct {
  const char *metric, *name;
} kErrors[] = {{"accuracy.perplexity", "perplexity"},
               {"accuracy.correct.top1", "right predictions"},
               {"error.sqnr_db", "SQNR of the output"}};

std::string error_cell(const PointResult& point, const char* metric) {
  std::string text = metric_cell(point, metric).text;
  return text == "null" ? "" : text;
}

/// "SQNR of the output 37.1 dB"; empty where nothing was computed.
std::string error_of(const PointResult& point) {
  for (const auto& error : kErrors)
    if (const std::string own = error_cell(point, error.metric); !own.empty())
      return fmt::format("{} {}", error.name, own);
  return "";
}

std::string error_text(const Duel& duel) { return error_against(*duel.best, *duel.other); }

/// How bad an error of error_text() is: more is worse; empty where there is none.
std::optional<double> badness(const PointResult& point) {
  if (const auto perplexity = metric_of(point, "accuracy.perplexity")) return perplexity;
  for (const char* const metric : {"accuracy.correct.top1", "error.sqnr_db"})
    if (const auto value = metric_of(point, metric)) return -*value;
  return std::nullopt;
}

constexpr const char* kNoError = "the error of the output was not computed";

const char* quantity_of(const std::string& metric) {
  return metric == "energy.total_pj" ? "energy" : "time";
}

/// "6.40 times less energy", "as much energy" (to half a hundredth); empty where it is unknown.
std::string less_text(const Duel& duel, const char* metric, const char* name) {
  const std::optional<double> best = metric_of(*duel.best, metric),
                              other = metric_of(*duel.other, metric);
  if (!best || !other || !(*best > 0) || !(*other > 0) ||
      !is_comparable(metric, *duel.best, *duel.other))
    return "";
  const std::string times = times_text(*best, *other);
  return times == "equal" || times == "nearly equal" ? fmt::format("as much {}", name)
                                                     : fmt::format("{} {}", times, name);
}

std::string name_of(const SweepResults& results, const Duel& duel, const PointResult& point) {
  if (duel.is_baseline) return labels_of(results, point, true);
  std::string text;
  for (std::size_t c = 0; c < results.columns.size(); ++c)
    text += (text.empty() ? "" : ", ") + label_of(results, point, c);
  return text;
}

/// " Next: B, 1.05 times more energy (SQNR of the output 37.1 dB).": the second of those that the
/// baseline is compared with, itself among them.
std::string next_text(const SweepResults& results, const Duel& duel, const std::string& metric) {
  const PointResult* next = nullptr;
  for (const PointResult& point : results.points)
    if (duel.is_baseline && &point != duel.best && &point != duel.other &&
        counts(results, point, metric) && baseline_of(results, point) == duel.other &&
        is_comparable(metric, *duel.best, point) && spoiled_text(point, *duel.other).empty() &&
        (next == nullptr || *metric_of(point, metric) < *metric_of(*next, metric)))
      next = &point;
  if (next == nullptr) return "";
  const std::string error = error_of(*next);
  return fmt::format(
      " Next: {}, {}{}.", name_of(results, duel, *next),
      less_text({next, duel.best, "", true, nullptr}, metric.c_str(), quantity_of(metric)),
      error.empty() ? "" : " (" + error + ")");
}

/// " Less yet: int2, 1.48 times less energy, with more error than signal."
std::string spoiled_text(const SweepResults& results, const Duel& duel, const std::string& metric) {
  if (duel.spoiled == nullptr ||
      *metric_of(*duel.spoiled, metric) >= *metric_of(*duel.best, metric))
    return "";
  return fmt::format(
      " Less yet: {}, {}, with {}.", name_of(results, duel, *duel.spoiled),
      less_text({duel.spoiled, duel.best, "", true, nullptr}, metric.c_str(), quantity_of(metric)),
      spoiled_text(*duel.spoiled, *duel.other));
}

/// `says_error`: also that no error is known.
std::string line_of(const SweepResults& results, const Duel& duel, const std::string& metric,
                    bool says_error) {
  const std::string group = duel.group.empty() ? "" : duel.group + ": ";
  const std::string best = name_of(results, duel, *duel.best);
  if (duel.best == duel.other)
    return fmt::format("{}nothing takes less {} than {}; {}.{}{}", group, quantity_of(metric), best,
                       why_text(*duel.best), next_text(results, duel, metric),
                       spoiled_text(results, duel, metric));
  std::vector<std::string> parts, equal;
  for (const auto& [name, verb, of] : {std::tuple{metric.c_str(), "", quantity_of(metric)},
                                       std::tuple{metric == "time_s" ? "" : "time_s", "", "time"},
                                       std::tuple{"dram.read_bytes", "reads ", "from DRAM"}}) {
    const std::string text = less_text(duel, name, of);
    if (text.rfind("as much", 0) == 0)
      equal.push_back(verb + text);
    else if (!text.empty())
      parts.push_back(verb + text);
  }
  const std::string other = name_of(results, duel, *duel.other), error = error_text(duel);
  std::string out = fmt::format("{}{} takes ", group, best);
  for (std::size_t i = 0; i < parts.size(); ++i)
    out += (i == 0 ? "" : i + 1 < parts.size() ? ", " : " and ") + parts[i];
  if (!parts.empty()) out += " than " + other;
  for (std::size_t i = 0; i < equal.size(); ++i)
    out += (i > 0 || !parts.empty() ? " and " : "") + equal[i];
  if (!equal.empty()) out += " as " + (parts.empty() ? other : std::string("it"));
  if (!error.empty() || says_error) out += "; " + (error.empty() ? kNoError : error);
  return fmt::format("{}. Of what remains {}.{}{}", out, why_text(*duel.best),
                     next_text(results, duel, metric), spoiled_text(results, duel, metric));
}

/// "int4 in 3 of 4": who is best how often, the most frequent first.
std::string winners_text(const SweepResults& results, const std::vector<Duel>& duels) {
  std::vector<std::pair<std::string, std::size_t>> winners;
  for (const Duel& duel : duels) {
    const std::string name = labels_of(results, *duel.best, true);
    const auto known = std::find_if(winners.begin(), winners.end(),
                                    [&](const auto& row) { return row.first == name; });
    if (known == winners.end())
      winners.emplace_back(name, 1);
    else
      ++known->second;
  }
  std::stable_sort(winners.begin(), winners.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(winners.size(), 3); ++i)
    text += fmt::format("{}{} in {} of {}{}", i == 0 ? "" : ", ", winners[i].first,
                        winners[i].second, duels.size(), i == 0 ? " cases" : "");
  return text;
}

/// The error beside the saving, where it is largest.
std::string worst_error(const std::vector<Duel>& duels) {
  const Duel* worst = nullptr;
  for (const Duel& duel : duels)
    if (!error_text(duel).empty() &&
        (worst == nullptr || badness(*duel.best) > badness(*worst->best)))
      worst = &duel;
  return worst == nullptr ? kNoError : "at worst, " + error_text(*worst);
}

std::string headline_of(const SweepResults& results, const std::vector<Duel>& duels,
                        const std::string& metric) {
  if (duels.size() == 1) return line_of(results, duels[0], metric, true);
  const auto [least, most] = std::minmax_element(
      duels.begin(), duels.end(),
      [&](const Duel& a, const Duel& b) { return a.gain(metric) < b.gain(metric); });
  const std::string low = times_text(1, least->gain(metric)),
                    high = times_text(1, most->gain(metric));
  const std::string shared = " times less";  // said once of both
  const bool both = low.size() > shared.size() && high.size() > shared.size() &&
                    low.compare(low.size() - shared.size(), shared.size(), shared) == 0;
  const std::string range =
      low == high
          ? high
          : fmt::format("{} to {}", both ? low.substr(0, low.size() - shared.size()) : low, high);
  const std::string error = "; " + worst_error(duels);
  if (!duels[0].is_baseline)
    return fmt::format("The least {} is {} than the most, for each of {} workloads{}.",
                       quantity_of(metric), range, duels.size(), error);
  const std::string base = labels_of(results, *duels[0].other, true);
  const std::string against =
      !(most->gain(metric) > 1) ? fmt::format("Nothing takes less than {}", base)
      : least->gain(metric) > 1 ? fmt::format("It is {} than with {}", range, base)
                                : fmt::format("It is up to {} than with {}", high, base);
  return fmt::format("Least {}: {}. {}{}.", quantity_of(metric), winners_text(results, duels),
                     against, error);
}

/// " 4 of 6 points have no result: layer.gemm.n: ..."; empty where all have one.
std::string failed_text(const SweepResults& results) {
  const PointResult* first = nullptr;
  std::size_t failed = 0;
  for (const PointResult& point : results.points) {
    if (point.status == PointStatus::kDone) continue;
    ++failed;
    if (first == nullptr) first = &point;
  }
  if (failed == 0) return "";
  return fmt::format("{} of {} points {} no result{}", failed, results.points.size(),
                     failed == 1 ? "has" : "have",
                     first->message.empty() ? "." : ": " + first->message);
}

/// What of the points is in no answer.
std::vector<std::string> left_out(const SweepResults& results) {
  std::vector<std::string> lines;
  if (const std::string failed = failed_text(results); !failed.empty()) lines.push_back(failed);
  const auto broken =
      std::count_if(results.points.begin(), results.points.end(), [&](const PointResult& point) {
        return point.status == PointStatus::kDone && !broken_constraints(results, point).empty();
      });
  if (broken > 0)
    lines.push_back(fmt::format("{} of {} points break a constraint and are not counted.", broken,
                                results.points.size()));
  return lines;
}

}  // namespace

std::string error_against(const PointResult& point, const PointResult& other) {
  for (const auto& error : kErrors) {
    const std::string own = error_cell(point, error.metric), its = error_cell(other, error.metric);
    if (!own.empty() && !its.empty()) return fmt::format("{} {} against {}", error.name, own, its);
  }
  return "";
}

std::string why_text(const PointResult& point) {
  std::string text;
  if (const auto part = largest_share(point, "energy.components."))
    text = fmt::format("{} is {} of the energy", part_title(part->first), share_text(part->second));
  if (const auto cause = largest_share(point, "stalls."))
    text += fmt::format("{}in {} of the time {}", text.empty() ? "" : ", and ",
                        share_text(cause->second), does_text(cause->first));
  return text.empty() ? "nothing has a price" : text;
}

Verdict sweep_verdict(const SweepResults& results) {
  for (const std::string metric : {"energy.total_pj", "time_s"}) {
    std::vector<Duel> duels = against_baseline(results, metric);
    if (duels.empty()) duels = least_and_most(results, metric);
    if (duels.empty()) continue;
    Verdict verdict{headline_of(results, duels, metric), {}, duels[0].best};
    for (std::size_t i = 0; duels.size() > 1 && i < std::min(duels.size(), kMostLines); ++i)
      verdict.lines.push_back(line_of(results, duels[i], metric, false));
    if (duels.size() > kMostLines)
      verdict.lines.push_back(
          fmt::format("And {} more, in the tables below.", duels.size() - kMostLines));
    for (std::string& line : left_out(results)) verdict.lines.push_back(std::move(line));
    return verdict;
  }
  return {"No point of this sweep has an energy or a time.", left_out(results), nullptr};
}

std::string run_verdict(const PointResult& run, const std::string& machine) {
  std::string out =
      fmt::format("{}{} takes {}", run.labels[0], machine.empty() ? "" : " on " + machine,
                  metric_cell(run, "time_s").text);
  if (const std::string energy = metric_cell(run, "energy.total_pj").text; !energy.empty())
    out += " and " + energy;
  for (const char* const phase : {"network.pass.", "network.decode."})
    if (const std::string key = phase; metric_of(run, key + "tokens_per_s"))
      out += fmt::format(" ({} tokens per second, {} each)",
                         metric_cell(run, key + "tokens_per_s").text,
                         metric_cell(run, key + "joules_per_token").text);
  out += ": " + why_text(run) + ". ";
  const std::string perplexity = metric_cell(run, "accuracy.perplexity").text,
                    sqnr = metric_cell(run, "error.sqnr_db").text;
  if (!perplexity.empty())
    out += fmt::format("Perplexity {}; in float64 {}.", perplexity,
                       metric_cell(run, "accuracy.float.perplexity").text);
  else if (!sqnr.empty() && sqnr != "null")
    out += fmt::format("SQNR of the output: {}.", sqnr);
  else
    out += "The error of the output was not computed.";
  return out;
}

}  // namespace bitjoule
