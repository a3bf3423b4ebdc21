#include "sim/sweep/results.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <stdexcept>

#include "core/energy/price.h"
#include "core/error.h"
#include "sim/config/document.h"
#include "sim/config/json_text.h"
#include "sim/output/csv.h"
#include "sim/output/text_file.h"
#include "sim/result/result_fields.h"
#include "sim/sweep/constraints.h"
#include "sim/sweep/price_notes.h"
#include "sim/sweep/store.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr int kSweepSchemaVersion = 1;

struct StatusRow {
  PointStatus status;
  const char* name;
};
constexpr StatusRow kStatuses[] = {{PointStatus::kDone, "done"},
                                   {PointStatus::kFailed, "failed"},
                                   {PointStatus::kMissing, "missing"}};

const char* status_name(PointStatus status) {
  for (const StatusRow& row : kStatuses)
    if (row.status == status) return row.name;
  return "";
}

json::array strings(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

std::vector<std::string> strings(const json::value& value) {
  return json::value_to<std::vector<std::string>>(value);
}

void append_cell(const json::value& value, std::string& line) {
  const auto end = std::back_inserter(line);
  if (const double* real = value.if_double())
    fmt::format_to(end, FMT_COMPILE("{}"), *real);
  else if (const std::int64_t* integer = value.if_int64())
    fmt::format_to(end, FMT_COMPILE("{}"), *integer);
  else if (const json::string* text = value.if_string())
    line += csv_cell(std::string(*text));
  else
    line += json::serialize(value);
}

/// All metrics of all points, each after the one that comes before it in its point.
std::vector<std::string> metric_columns(const SweepResults& results) {
  std::vector<std::string> all;
  std::set<std::string> known;
  const json::object* last = nullptr;
  const auto same_key = [](const auto& a, const auto& b) { return a.key() == b.key(); };
  for (const PointResult& point : results.points) {
    const json::object& metrics = point.metrics;
    const bool has_same = last != nullptr && std::equal(last->begin(), last->end(), metrics.begin(),
                                                        metrics.end(), same_key);
    last = &metrics;
    if (has_same) continue;
    std::string before;
    for (const auto& row : metrics) {
      const std::string name(row.key());
      if (known.insert(name).second) {
        const auto at = std::find(all.begin(), all.end(), before);
        all.insert(at == all.end() ? (before.empty() ? all.begin() : at) : at + 1, name);
      }
      before = name;
    }
  }
  return all;
}

PointResult read_point(const json::object& row, const std::vector<std::string>& columns) {
  PointResult point;
  point.index = json::value_to<std::size_t>(row.at("index"));
  for (const std::string& column : columns)
    point.labels.emplace_back(row.at("labels").as_object().at(column).as_string());
  point.hash = row.at("hash").as_string();
  if (!is_point_hash(point.hash))
    throw std::invalid_argument("hash: expected 32 hexadecimal digits, got \"" + point.hash + '"');
  for (const StatusRow& status : kStatuses)
    if (row.at("status").as_string() == status.name) point.status = status.status;
  if (const json::value* message = row.if_contains("message")) point.message = message->as_string();
  if (const json::value* metrics = row.if_contains("metrics")) point.metrics = metrics->as_object();
  return point;
}

}  // namespace

std::optional<double> metric_of(const PointResult& point, const std::string& metric) {
  const json::value* value = point.metrics.if_contains(metric);
  if (value != nullptr && value->is_number()) return value->to_number<double>();
  const std::string suffix = "sqnr_db";
  if (metric.size() < suffix.size() ||
      metric.compare(metric.size() - suffix.size(), suffix.size(), suffix) != 0)
    return std::nullopt;
  // No noise at all, in no output: result.json has no number for it.
  const std::string prefix = metric.substr(0, metric.size() - suffix.size());
  const auto is = [&](const char* name, bool zero) {
    const json::value* other = point.metrics.if_contains(prefix + name);
    return other != nullptr && other->is_number() && (other->to_number<double>() == 0) == zero;
  };
  if (!is("max_abs", true) || !is("compared", false) || is("not_finite", false))
    return std::nullopt;
  return std::numeric_limits<double>::infinity();
}

bool is_in_part(const std::string& metric, const json::object& metrics) {
  const json::value* unknown = metrics.if_contains("area.unknown");
  if (unknown == nullptr || !unknown->is_string()) return false;
  if (metric == "area.known_mm2") return true;
  const std::string prefix = "area.components.";
  if (metric.rfind(prefix, 0) != 0) return false;
  // "array, 64 x fp8_e4m3 MAC; vector_unit, 8 x lane": of a component that is named some is
  // missing.
  const std::string name = metric.substr(prefix.size());
  const std::string parts = "; " + std::string(unknown->as_string()) + ";";
  return parts.find("; " + name + ",") != std::string::npos ||
         parts.find("; " + name + ";") != std::string::npos;
}

std::optional<double> whole_metric_of(const PointResult& point, const std::string& metric) {
  return is_in_part(metric, point.metrics) ? std::nullopt : metric_of(point, metric);
}

std::string EnergyUnit::text() const {
  return unit == PriceUnit::kMac ? "MACs of " + mac_of : "joules";
}

EnergyUnit energies_of(const json::object& metrics) {
  const auto text = [&](const char* key) -> std::string {
    const json::value* value = metrics.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  if (text("energy.unit") != enum_name(PriceUnit::kMac)) return {};
  return {PriceUnit::kMac, text("energy.table")};
}

std::vector<EnergyUnit> energy_units(const std::vector<const PointResult*>& points) {
  std::vector<EnergyUnit> units;
  for (const PointResult* point : points) {
    if (point->status != PointStatus::kDone) continue;
    const EnergyUnit unit = energies_of(point->metrics);
    if (std::find(units.begin(), units.end(), unit) != units.end()) continue;
    units.insert(unit.unit == PriceUnit::kPicojoule ? units.begin() : units.end(), unit);
  }
  return units;
}

std::vector<EnergyUnit> energy_units(const SweepResults& results) {
  std::vector<const PointResult*> points;
  for (const PointResult& point : results.points) points.push_back(&point);
  return energy_units(points);
}

bool is_comparable(const std::string& metric, const PointResult& a, const PointResult& b) {
  return energies_of(a.metrics) == energies_of(b.metrics) || !is_of_energy(metric);
}

const PointResult* baseline_of(const SweepResults& results, const PointResult& point) {
  if (results.baseline.empty()) return nullptr;
  for (const PointResult& other : results.points) {
    bool is_it = other.status == PointStatus::kDone;
    for (std::size_t i = 0; i < results.columns.size() && is_it; ++i) {
      const auto row = results.baseline.find(results.columns[i]);
      is_it = row == results.baseline.end() ? other.labels[i] == point.labels[i]
                                            : std::find(row->second.begin(), row->second.end(),
                                                        other.labels[i]) != row->second.end();
    }
    if (is_it) return &other;
  }
  return nullptr;
}

std::vector<std::string> notes_of(const SweepResults& results) {
  std::vector<const json::object*> done;
  for (const PointResult& point : results.points)
    if (point.status == PointStatus::kDone) done.push_back(&point.metrics);
  return price_notes(done);
}

std::vector<std::string> table_metrics(const SweepResults& results) {
  if (!results.metrics.empty()) return results.metrics;
  std::vector<std::string> metrics = {"time_s", "energy.total_pj", "dram.read_bytes",
                                      "dram.write_bytes"};
  const auto has_error = [](const PointResult& p) { return p.metrics.contains("error.sqnr_db"); };
  if (std::any_of(results.points.begin(), results.points.end(), has_error))
    metrics.emplace_back("error.sqnr_db");
  return metrics;
}

std::string results_csv(const SweepResults& results) {
  const std::vector<std::string> metrics = metric_columns(results);
  std::vector<std::string> cells = {"point"};
  for (const std::string& column : results.columns) cells.push_back(csv_cell(column));
  cells.emplace_back("status");
  if (!results.constraints.empty()) cells.emplace_back("breaks");
  for (const std::string& metric : metrics) cells.push_back(csv_cell(metric));
  cells.insert(cells.end(), {"hash", "message"});
  std::string out = csv_line(cells);
  for (const PointResult& point : results.points) {
    std::string name;
    for (const std::string& label : point.labels) name += (name.empty() ? "" : ", ") + label;
    cells = {csv_cell(name)};
    for (const std::string& label : point.labels) cells.push_back(csv_cell(label));
    cells.emplace_back(status_name(point.status));
    if (!results.constraints.empty()) cells.push_back(csv_cell(broken_constraints(results, point)));
    for (const std::string& cell : cells) (out += cell) += ',';
    for (const std::string& metric : metrics) {
      const json::value* value = point.metrics.if_contains(metric);
      if (value != nullptr) append_cell(*value, out);
      out += ',';
    }
    out += csv_line({point.hash, csv_cell(point.message)});
  }
  return out;
}

void write_json(const SweepResults& results, JsonSink& sink) {
  const auto add = [&](std::string_view key, const auto& value) {
    sink.item(key);
    sink.put(value);
  };
  json::object baseline;
  for (const auto& [column, labels] : results.baseline) baseline[column] = strings(labels);
  sink.begin_object();
  add("schema_version", JsonScalar(std::int64_t{kSweepSchemaVersion}));
  add("program", json::value(results.program));
  add("name", JsonScalar(results.name));
  add("question", JsonScalar(results.question));
  add("store", JsonScalar(results.store));
  add("columns", json::value(strings(results.columns)));
  add("metrics", json::value(strings(results.metrics)));
  add("constraints", json::value(strings(results.constraints)));
  add("baseline", json::value(std::move(baseline)));
  add("points_in_sweep", JsonScalar(static_cast<std::int64_t>(results.points_in_sweep)));
  sink.item("points");
  sink.begin_list();
  for (const PointResult& point : results.points) {
    sink.item("");
    sink.begin_object();
    add("index", JsonScalar(static_cast<std::int64_t>(point.index)));
    sink.item("labels");
    sink.begin_object();
    for (std::size_t i = 0; i < results.columns.size(); ++i)
      add(results.columns[i], JsonScalar(point.labels[i]));
    sink.end();
    add("status", JsonScalar(std::string_view(status_name(point.status))));
    add("hash", JsonScalar(point.hash));
    if (!point.message.empty()) add("message", JsonScalar(point.message));
    if (!point.metrics.empty()) {
      sink.item("metrics");
      sink.begin_object();
      for (const auto& row : point.metrics) add({row.key().data(), row.key().size()}, row.value());
      sink.end();
    }
    sink.end();
  }
  sink.end();
  sink.end();
}

SweepResults load_results(const std::string& file) {
  if (const std::string absence = why_no_file(file); !absence.empty())
    throw input_error(fmt::format("{}: {}", file, absence));
  return read_results(file, read_text_file(file));
}

SweepResults read_results(const std::string& file, const std::string& text) {
  try {
    boost::system::error_code error;
    const json::value root = parse_json(text, error);
    if (error) throw boost::system::system_error(error);
    if (root.at("schema_version") != kSweepSchemaVersion)
      throw input_error(fmt::format("{}: schema_version: expected {}", file, kSweepSchemaVersion));
    SweepResults results;
    results.program = root.at("program").as_object();
    results.name = root.at("name").as_string();
    results.question = root.at("question").as_string();
    results.store = root.at("store").as_string();
    results.columns = strings(root.at("columns"));
    results.metrics = strings(root.at("metrics"));
    if (const json::value* constraints = root.as_object().if_contains("constraints"))
      results.constraints = strings(*constraints);  // older tables have none
    for (const std::string& constraint : results.constraints) parse_constraint(constraint);
    for (const auto& row : root.at("baseline").as_object())
      results.baseline[std::string(row.key())] = strings(row.value());
    results.points_in_sweep = json::value_to<std::size_t>(root.at("points_in_sweep"));
    for (const json::value& row : root.at("points").as_array())
      results.points.push_back(read_point(row.as_object(), results.columns));
    return results;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw input_error(fmt::format("{}: not the results of a sweep: {}", file, e.what()));
  }
}

}  // namespace bitjoule
