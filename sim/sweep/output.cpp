#include "sim/sweep/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/output/output_files.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/pareto.h"
#include "sim/sweep/store.h"
#include "sim/sweep/table.h"

namespace bitjoule {
namespace {

constexpr std::size_t kShownPoints = 60;

void make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw input_error(fmt::format("{}: {}", path, error.message()));
}

SweepResults only(const SweepResults& results, const std::vector<const PointResult*>& points) {
  SweepResults some = results;
  some.points.clear();
  for (const PointResult* point : points) some.points.push_back(*point);
  return some;
}

}  // namespace

std::size_t count_failed(const SweepResults& results) {
  return static_cast<std::size_t>(
      std::count_if(results.points.begin(), results.points.end(),
                    [](const PointResult& p) { return p.status != PointStatus::kDone; }));
}

std::size_t count_broken(const SweepResults& results) {
  return static_cast<std::size_t>(
      std::count_if(results.points.begin(), results.points.end(),
                    [&](const PointResult& p) { return !broken_constraints(results, p).empty(); }));
}

std::string results_stem(const Shard& shard) {
  return shard.count == 1 ? "results"
                          : fmt::format("results-{}-of-{}", shard.index + 1, shard.count);
}

std::vector<std::string> result_files(const std::string& directory, const Shard& shard) {
  const std::string stem = directory + "/" + results_stem(shard);
  return {stem + ".json", stem + ".csv"};
}

void write_results(const SweepResults& results, const std::string& directory, const Shard& shard) {
  make_directory(directory);
  const std::vector<std::string> files = result_files(directory, shard);
  JsonText text;
  write_json(results, text);
  write_atomically(files[0], text.take());
  write_atomically(files[1], results_csv(results));
}

void write_pareto(const SweepResults& results, const std::vector<std::string>& metrics,
                  const std::string& directory) {
  write_atomically(directory + "/pareto.csv",
                   results_csv(only(results, pareto_front(results, metrics))));
}

std::string summary_text(const SweepResults& results, const std::vector<std::string>& pareto) {
  std::vector<const PointResult*> all;
  for (const PointResult& point : results.points) all.push_back(&point);
  std::string out = results_table(results, all, table_metrics(results), kShownPoints);
  if (!results.baseline.empty()) {
    std::string base;
    for (const auto& [column, labels] : results.baseline)
      base += fmt::format("{}{} {}", base.empty() ? "" : ", ", column, fmt::join(labels, "/"));
    out += fmt::format("In brackets: how many times the baseline's ({}), all else equal.\n", base);
  }
  if (!results.constraints.empty())
    out += fmt::format(
        "{} of {} points break a constraint ({}): they are kept, and the best of "
        "nothing.\n",
        count_broken(results), all.size(), fmt::join(results.constraints, ", "));
  for (const std::string& note : notes_of(results)) out += "Note: " + note + ".\n";
  for (const std::string& note : unpriced_notes(results)) out += "Note: " + note + ".\n";
  if (!pareto.empty()) {
    const auto front = pareto_front(results, pareto);
    out += fmt::format("\nPareto front of {}: {} of {} points\n", fmt::join(pareto, ", "),
                       front.size(), all.size());
    for (const std::string& note : pareto_notes(results, pareto)) out += "Note: " + note + ".\n";
    out += results_table(results, front, pareto, kShownPoints);
  }
  if (const std::size_t failed = count_failed(results); failed > 0)
    out += fmt::format("{} of {} points failed\n", failed, all.size());
  return out;
}

}  // namespace bitjoule
