#include "sim/sweep/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/error.h"
#include "sim/sweep/output.h"
#include "sim/sweep/store.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

struct Part {
  std::string file;
  std::string store;  ///< resolved
  SweepResults results;
};

/// The parts in a directory, by file name.
std::vector<Part> parts_in(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "results.json" ||
        (name.rfind("results-", 0) == 0 && entry.path().extension() == ".json"))
      files.push_back(entry.path().string());
  }
  if (error) throw input_error(fmt::format("{}: {}", directory, error.message()));
  if (files.empty())
    throw input_error(fmt::format("{}: no results.json and no results-I-of-N.json", directory));
  std::sort(files.begin(), files.end());
  std::vector<Part> parts;
  for (const std::string& file : files) {
    Part part{file, "", read_results(file, read_text_file(file))};
    part.store = (fs::path(directory) / part.results.store).string();
    parts.push_back(std::move(part));
  }
  return parts;
}

void check_same_sweep(const Part& first, const Part& other) {
  const SweepResults &a = first.results, &b = other.results;
  if (a.name != b.name || a.columns != b.columns || a.points_in_sweep != b.points_in_sweep ||
      a.metrics != b.metrics || a.baseline != b.baseline || a.question != b.question)
    throw input_error(fmt::format("{} and {}: parts of different sweeps", first.file, other.file));
}

/// Takes a point of a part where it is as good as what is known already.
void take(const PointResult& point, const Part& part,
          std::vector<std::optional<PointResult>>& all) {
  if (point.index >= all.size())
    throw input_error(fmt::format("{}: point {} of {}", part.file, point.index, all.size()));
  std::optional<PointResult>& known = all[point.index];
  if (known && (known->hash != point.hash || known->labels != point.labels))
    throw input_error(
        fmt::format("{}: point {} is another than in the parts before it", part.file, point.index));
  if (!known || point.status < known->status) known = point;
}

}  // namespace

SweepResults merge_results(const std::vector<std::string>& directories, const std::string& output) {
  std::vector<Part> parts;
  for (const std::string& directory : directories)
    for (Part& part : parts_in(directory)) parts.push_back(std::move(part));
  SweepResults merged = parts[0].results;
  std::vector<std::optional<PointResult>> all(merged.points_in_sweep);
  for (const Part& part : parts) {
    check_same_sweep(parts[0], part);
    for (const PointResult& point : part.results.points) take(point, part, all);
  }
  merged.points.clear();
  std::size_t missing = 0;
  for (const auto& point : all) {
    if (point) merged.points.push_back(*point);
    missing += !point;
  }
  if (missing > 0)
    throw input_error(
        fmt::format("{} of {} points are in no part; first: point {}", missing, all.size(),
                    std::find(all.begin(), all.end(), std::nullopt) - all.begin() + 1));
  merged.store = "points";
  const ResultStore store(output + "/points");
  for (const Part& part : parts) {
    if (fs::equivalent(part.store, store.directory())) continue;
    const ResultStore from(part.store);
    for (const PointResult& point : part.results.points)
      if (point.status != PointStatus::kMissing && from.has(point.hash) && !store.has(point.hash))
        store.copy_from(from, point.hash);
  }
  write_results(merged, output, {});
  return merged;
}

}  // namespace bitjoule
