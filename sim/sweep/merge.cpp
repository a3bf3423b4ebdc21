#include "sim/sweep/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

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
    Part part{file, "", load_results(file)};
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

/// By index in the sweep.
using Points = std::map<std::size_t, PointResult>;

/// Takes a point of a part where it is better than what is known already.
void take(const PointResult& point, const Part& part, Points& all) {
  if (point.index >= part.results.points_in_sweep)
    throw input_error(
        fmt::format("{}: point {} of {}", part.file, point.index, part.results.points_in_sweep));
  const auto [known, is_new] = all.emplace(point.index, point);
  if (is_new) return;
  if (known->second.hash != point.hash || known->second.labels != point.labels)
    throw input_error(
        fmt::format("{}: point {} is another than in the parts before it", part.file, point.index));
  if (point.status < known->second.status) known->second = point;
}

void require_all(const Points& all, std::size_t count) {
  if (all.size() == count) return;
  std::size_t first = 0;
  for (auto point = all.begin(); point != all.end() && point->first == first; ++point) ++first;
  throw input_error(fmt::format("{} of {} points are in no part; first: point {}",
                                count - all.size(), count, first + 1));
}

/// Parts may come from anywhere, and one of them may be the output: a link among its files must not
/// lead what is written to somewhere else.
void require_own_directory(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (fs::exists(status) && !fs::is_directory(status))
    throw input_error(fmt::format("{}: expected a directory of the output, not a {}", path,
                                  fs::is_symlink(status) ? "link" : "file"));
}

}  // namespace

SweepResults merge_results(const std::vector<std::string>& directories, const std::string& output) {
  std::vector<Part> parts;
  for (const std::string& directory : directories)
    for (Part& part : parts_in(directory)) parts.push_back(std::move(part));
  SweepResults merged = parts[0].results;
  Points all;
  for (const Part& part : parts) {
    check_same_sweep(parts[0], part);
    for (const PointResult& point : part.results.points) take(point, part, all);
  }
  require_all(all, merged.points_in_sweep);
  merged.points.clear();
  for (auto& [index, point] : all) merged.points.push_back(std::move(point));
  merged.store = "points";
  require_own_directory(output + "/points");
  const ResultStore store = ResultStore::create(output + "/points");
  for (const Part& part : parts) {
    const ResultStore from(part.store);
    std::error_code error;
    if (fs::equivalent(part.store, store.directory(), error)) continue;
    for (const PointResult& point : part.results.points)
      if (point.status != PointStatus::kMissing && !store.has(point.hash))
        store.copy_from(from, point.hash);
  }
  write_results(merged, output, {});
  return merged;
}

}  // namespace bitjoule
