#include "sim/sweep/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "core/error.h"
#include "sim/sweep/output.h"
#include "sim/sweep/parallel.h"
#include "sim/sweep/store.h"
#include "sim/version.h"

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

/// A program by name, with its sources where the names of two would be equal.
std::string program_text(const boost::json::object& program, const boost::json::object& other) {
  const std::string text = build_text(program);
  return text == build_text(other) ? boost::json::serialize(program) : text;
}

void check_same_sweep(const Part& first, const Part& other) {
  const SweepResults &a = first.results, &b = other.results;
  if (a.program != b.program)
    throw input_error(
        fmt::format("{} and {}: results of different programs: {} and {}; a table has "
                    "the results of one",
                    first.file, other.file, program_text(a.program, b.program),
                    program_text(b.program, a.program)));
  if (a.name != b.name || a.columns != b.columns || a.points_in_sweep != b.points_in_sweep ||
      a.metrics != b.metrics || a.constraints != b.constraints || a.baseline != b.baseline ||
      a.question != b.question)
    throw input_error(fmt::format("{} and {}: parts of different sweeps", first.file, other.file));
}

/// A point, and the part that has it.
struct Taken {
  PointResult point;
  const Part* part;
};

/// By index in the sweep.
using Points = std::map<std::size_t, Taken>;

/// A point as far as the part's store bears out what its table says: a result has its numbers from
/// there, and counts only where it is there, of the same program.
PointResult borne_out(PointResult point, const Part& part) {
  if (point.status == PointStatus::kMissing) return point;
  const std::optional<StoredPoint> stored = ResultStore(part.store).find(point.hash);
  if (point.status == PointStatus::kFailed) {
    if (stored && !stored->failure.empty()) point.message = stored->failure;
    return point;
  }
  point.metrics.clear();
  if (stored && stored->failure.empty() && stored->result.at("program") == part.results.program) {
    point.metrics = flatten(stored->result);
    return point;
  }
  point.status = PointStatus::kMissing;
  point.message = "said to be done, but its part has no such result";
  return point;
}

/// Takes a point of a part where it is better than what is known already.
void take(const PointResult& point, const Part& part, Points& all) {
  if (point.index >= part.results.points_in_sweep)
    throw input_error(
        fmt::format("{}: point {} of {}", part.file, point.index, part.results.points_in_sweep));
  const auto [known, is_new] = all.emplace(point.index, Taken{point, &part});
  if (is_new) return;
  PointResult& before = known->second.point;
  if (before.hash != point.hash || before.labels != point.labels)
    throw input_error(
        fmt::format("{}: point {} is another than in the parts before it", part.file, point.index));
  if (point.status < before.status) known->second = {point, &part};
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
    std::vector<PointResult> points(part.results.points.size());
    for_each_index(points.size(),
                   [&](std::size_t i) { points[i] = borne_out(part.results.points[i], part); });
    for (const PointResult& point : points) take(point, part, all);
  }
  require_all(all, merged.points_in_sweep);
  merged.points.clear();
  for (const auto& [index, taken] : all) merged.points.push_back(taken.point);
  merged.store = "points";
  require_own_directory(output + "/points");
  const ResultStore store = ResultStore::create(output + "/points");
  for (const auto& [index, taken] : all) {
    const auto& [point, part] = taken;
    if (point.status == PointStatus::kMissing || store.has(point.hash)) continue;
    if (!store.copy_from(ResultStore(part->store), point.hash) &&
        point.status == PointStatus::kDone)
      throw input_error(
          fmt::format("{}: point {} went away while it was read", part->store, point.hash));
  }
  write_results(merged, output, {});
  return merged;
}

}  // namespace bitjoule
