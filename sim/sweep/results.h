// Results of a sweep: one row per point.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/energy/provenance.h"
#include "sim/config/json_sink.h"
#include "sim/sweep/flatten.h"
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

/// A metric of a point; infinite for the SQNR of exact outputs, empty where it does not apply.
std::optional<double> metric_of(const PointResult& point, const std::string& metric);

/// Whether a figure of a flattened result is of a part of the machine alone, as other parts have no
/// known area: less than what it is called, so that it can neither be ranked nor compared.
bool is_in_part(const std::string& metric, const boost::json::object& metrics);
/// As metric_of(); empty also where the figure is in part. What is ranked, held against a
/// constraint or told as a ratio is this.
std::optional<double> whole_metric_of(const PointResult& point, const std::string& metric);

/// What energies are in: joules, or what a MAC of one table costs, of which nothing in joules, and
/// in the MAC of another table, is known.
struct EnergyUnit {
  PriceUnit unit = PriceUnit::kPicojoule;
  std::string mac_of;  ///< the table; empty: joules

  /// "joules", "MACs of eyeriss-65nm".
  std::string text() const;
  bool operator==(const EnergyUnit& other) const {
    return unit == other.unit && mac_of == other.mac_of;
  }
  bool operator!=(const EnergyUnit& other) const { return !(*this == other); }
};

/// Of a flattened result.
EnergyUnit energies_of(const boost::json::object& metrics);
/// The units of the points that are done, each once, joules first.
std::vector<EnergyUnit> energy_units(const std::vector<const PointResult*>& points);
std::vector<EnergyUnit> energy_units(const SweepResults& results);
/// Whether a metric of two points is in one unit: of joules and ratios of a MAC, or ratios of two
/// MACs, there is no ratio.
bool is_comparable(const std::string& metric, const PointResult& a, const PointResult& b);

/// The point with the labels of the baseline, else equal to this one; nullptr without one.
const PointResult* baseline_of(const SweepResults& results, const PointResult& point);

/// What has to be said of the points that are done, where their memories differ (price_notes.h).
std::vector<std::string> notes_of(const SweepResults& results);

/// The metrics of the printed table: those of the sweep file, or the usual ones.
std::vector<std::string> table_metrics(const SweepResults& results);

/// `point`, swept columns, `status`, where there are constraints `breaks` (those that the point
/// does not keep), metrics, `hash`, `message`; a row per point.
std::string results_csv(const SweepResults& results);

void write_json(const SweepResults& results, JsonSink& sink);
/// Throws an input Error that names `file` where the text is not what to_json() makes.
SweepResults read_results(const std::string& file, const std::string& text);
/// The same of the file itself, which must be a regular one.
SweepResults load_results(const std::string& file);

}  // namespace bitjoule
