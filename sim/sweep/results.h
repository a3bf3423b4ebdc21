// Results of a sweep: one row per point.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/energy/provenance.h"
#include "sim/sweep/sweep_file.h"

namespace bitjoule {

enum class PointStatus {
  kDone,
  kFailed,   ///< `message` says why
  kMissing,  ///< not run: the sweep was stopped, or another shard's
};

struct PointResult {
  std::size_t index = 0;  ///< in the whole sweep
  std::vector<std::string> labels;
  std::string hash;
  PointStatus status = PointStatus::kMissing;
  std::string message;
  boost::json::object metrics;  ///< by dotted path in result.json: numbers, strings, booleans
};

struct SweepResults {
  boost::json::object program;        ///< that computed the points, as program_json() says it
  std::string name, question, store;  ///< `store` relative to the file, or absolute
  std::vector<std::string> columns;
  std::vector<std::string> metrics;      ///< chosen for tables; empty: kDefaultMetrics
  std::vector<std::string> constraints;  ///< that the best points keep (constraints.h)
  Selection baseline;
  std::size_t points_in_sweep = 0;
  std::vector<PointResult> points;  ///< by index
};

/// The scalars of a result.json by dotted path, without its configuration, its counts and what
/// belongs to single layers or actions.
boost::json::object flatten(const boost::json::object& result);

/// A metric of a point; infinite for the SQNR of exact outputs, empty where it does not apply.
std::optional<double> metric_of(const PointResult& point, const std::string& metric);

/// What the energies of a flattened result are in.
PriceUnit energies_of(const boost::json::object& metrics);
/// Whether a metric of two points is in one unit: of joules and ratios of a MAC there is no ratio.
bool is_comparable(const std::string& metric, const PointResult& a, const PointResult& b);

/// The point with the labels of the baseline, else equal to this one; nullptr without one.
const PointResult* baseline_of(const SweepResults& results, const PointResult& point);

/// What has to be said of the points that are done, where their memories differ (price_notes.h).
std::vector<std::string> notes_of(const SweepResults& results);

/// The metrics of the printed table: those of the sweep file, or the usual ones.
std::vector<std::string> table_metrics(const SweepResults& results);

/// `point`, swept columns, `status`, where there are constraints `breaks` (the one that the point
/// does not keep), metrics, `hash`, `message`; a row per point.
std::string results_csv(const SweepResults& results);

boost::json::object to_json(const SweepResults& results);
/// Throws an input Error that names `file` where the text is not what to_json() makes.
SweepResults read_results(const std::string& file, const std::string& text);
/// The same of the file itself, which must be a regular one.
SweepResults load_results(const std::string& file);

}  // namespace bitjoule
