#include "sim/sweep/sweep_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/schema.h"
#include "sim/config/suggest.h"
#include "sim/config/writer.h"
#include "sim/sweep/constraints.h"

namespace bitjoule {

// The file as written. Values stay nodes: the base run knows what they must be.
struct SettingsFile {
  std::map<std::string, Node> values;
};
struct PathFile {
  std::string path;
  std::vector<Node> values;
};
struct VariantFile {
  std::string name;
  SettingsFile set;
};
struct AxisFile {
  std::string path;
  std::vector<Node> values;
  std::vector<PathFile> zip;
  std::string name = "variant";
  std::vector<VariantFile> variants;
};
struct SweepFile {
  std::string name, question;
  Node base;
  SettingsFile set;
  std::vector<AxisFile> axes;
  std::vector<SettingsFile> exclude;
  std::vector<std::string> metrics;
  std::vector<std::string> constraints;
  SettingsFile baseline;
};

template <>
struct FileKind<SweepFile> {
  static constexpr const char* kFolder = "sweeps";
};

template <class V>
void describe(V& v, SettingsFile& c) {
  v.rest(c.values, "value by dotted path");
}

template <class V>
void describe(V& v, PathFile& c) {
  v.required("path", c.path, "dotted path of a run file");
  v.required("values", c.values, "its values");
}

template <class V>
void describe(V& v, VariantFile& c) {
  v.required("name", c.name, "in results");
  v.field("set", c.set, "value by dotted path of a run file");
}

template <class V>
void describe(V& v, AxisFile& c) {
  v.field("path", c.path, "dotted path of a run file: an axis of `values`");
  v.field("values", c.values, "values of `path`");
  v.field("zip", c.zip, "paths that change together");
  v.field("name", c.name, "column of `variants` in results");
  v.field("variants", c.variants, "named sets of values");
  v.check([&] {
    const int kinds = !c.path.empty() + !c.zip.empty() + !c.variants.empty();
    if (kinds != 1) throw input_error("expected one of path, zip, variants that is not empty");
    if (c.path.empty() != c.values.empty())
      throw input_error(c.path.empty() ? "values: allowed only with path"
                                       : fmt::format("values: axis {} is empty", c.path));
    for (const PathFile& row : c.zip)
      if (row.values.empty() || row.values.size() != c.zip[0].values.size())
        throw input_error(fmt::format("zip: expected as many values for {} as for {} ({}), got {}",
                                      row.path, c.zip[0].path, c.zip[0].values.size(),
                                      row.values.size()));
  });
}

template <class V>
void describe(V& v, SweepFile& c) {
  v.field("name", c.name, "shown in reports; default: the file's name");
  v.field("question", c.question, "what the sweep is to answer, for the report");
  v.required("base", c.base, "the run that varies: a run file's name, or a map");
  v.field("set", c.set, "value by dotted path, on the base");
  v.required("axes", c.axes, "factors of the product of points; the last varies fastest");
  v.field("exclude", c.exclude, "points to leave out: value, or list of values, by column");
  v.field("metrics", c.metrics, "dotted paths of result.json for tables and the report");
  v.field("constraints", c.constraints,
          "what a point must keep to be best: \"area.total_mm2 <= 4\", in the metric's unit");
  v.field("baseline", c.baseline, "value by column: ratios refer to it, all else equal");
  v.check([&] {
    if (c.axes.empty()) throw input_error("axes: expected at least one");
    for (const std::string& text : c.constraints) parse_constraint(text);
  });
}

namespace {

std::string value_text(const Node& node) { return boost::json::serialize(leaf::write(node)); }

std::string label_of(const Node& node) {
  return node.kind == Node::Kind::kScalar ? node.text : value_text(node);
}

Override override_of(const std::string& path, const Node& node) {
  check_override_path(path, node.place.str() + ": " + path);
  return {path, "", std::make_shared<const Node>(node)};
}

std::vector<Override> overrides_of(const SettingsFile& settings) {
  std::vector<Override> result;
  for (const auto& [path, node] : settings.values) result.push_back(override_of(path, node));
  return result;
}

Axis to_axis(const AxisFile& file) {
  Axis axis;
  if (!file.variants.empty()) {
    axis.columns = {file.name};
    for (const VariantFile& variant : file.variants)
      axis.values.push_back({{variant.name}, overrides_of(variant.set)});
    return axis;
  }
  std::vector<PathFile> rows = file.zip;
  if (rows.empty()) rows.push_back({file.path, file.values});
  axis.values.resize(rows[0].values.size());
  for (const PathFile& row : rows) {
    axis.columns.push_back(row.path);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      axis.values[i].labels.push_back(label_of(row.values[i]));
      axis.values[i].set.push_back(override_of(row.path, row.values[i]));
    }
  }
  return axis;
}

Selection to_selection(const SettingsFile& file) {
  Selection selection;
  for (const auto& [column, node] : file.values) {
    std::vector<std::string>& labels = selection[column];
    if (node.kind != Node::Kind::kList) labels.push_back(label_of(node));
    for (const Node& item : node.items) labels.push_back(label_of(item));
  }
  return selection;
}

/// A selection of what does not exist would silently select nothing.
void check_selection(const char* key, const Selection& selection, const Sweep& sweep,
                     std::vector<std::string>& problems) {
  const std::vector<std::string> columns = sweep.columns();
  for (const auto& [column, labels] : selection) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
      problems.push_back(
          fmt::format("{}: no axis has \"{}\"{}", key, column, suggestion(column, columns)));
      continue;
    }
    if (labels.empty()) problems.push_back(fmt::format("{}: {}: expected a value", key, column));
    std::vector<std::string> known;
    for (const Axis& axis : sweep.axes)
      for (std::size_t i = 0; i < axis.columns.size(); ++i)
        if (axis.columns[i] == column)
          for (const AxisValue& value : axis.values) known.push_back(value.labels[i]);
    for (const std::string& label : labels)
      if (std::find(known.begin(), known.end(), label) == known.end())
        problems.push_back(fmt::format("{}: {} has no value \"{}\"{}", key, column, label,
                                       suggestion(label, known)));
  }
}

/// Columns of results.csv, and what tells points apart, must have names of their own.
void check_columns(const Sweep& sweep, std::vector<std::string>& problems) {
  static const std::vector<std::string> kTaken = {"point", "status", "hash", "message", "breaks"};
  std::vector<std::string> columns = sweep.columns();
  std::sort(columns.begin(), columns.end());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0 && columns[i] == columns[i - 1])
      problems.push_back(fmt::format("axes: \"{}\" is given twice", columns[i]));
    if (columns[i].empty() || std::find(kTaken.begin(), kTaken.end(), columns[i]) != kTaken.end())
      problems.push_back(
          fmt::format("axes: expected another name than \"{}\"; results have the "
                      "columns {}",
                      columns[i], fmt::join(kTaken, ", ")));
  }
}

/// Whether a value at `path` goes when one at `other` is set.
bool is_replaced_by(const std::string& path, const std::string& other) {
  return path == other || path.rfind(other + ".", 0) == 0;
}

/// An axis that a later one overwrites would give equal points with different names.
void check_overwritten(const Sweep& sweep, std::vector<std::string>& problems) {
  std::vector<std::set<std::string>> paths;  // by axis
  for (const Axis& axis : sweep.axes) {
    paths.emplace_back();
    for (const AxisValue& value : axis.values)
      for (const Override& override : value.set) paths.back().insert(override.path);
  }
  for (std::size_t later = 1; later < paths.size(); ++later)
    for (std::size_t earlier = 0; earlier < later; ++earlier)
      for (const std::string& path : paths[earlier])
        for (const std::string& other : paths[later])
          if (is_replaced_by(path, other))
            problems.push_back(fmt::format("axes: {} of axis {} is replaced by {} of axis {}", path,
                                           sweep.axes[earlier].columns[0], other,
                                           sweep.axes[later].columns[0]));
}

void check_sweep(const Sweep& sweep, const std::string& file) {
  std::vector<std::string> problems;
  check_columns(sweep, problems);
  check_overwritten(sweep, problems);
  for (const Axis& axis : sweep.axes)
    for (std::size_t i = 0; i < axis.values.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (axis.values[i].labels == axis.values[j].labels)
          problems.push_back(fmt::format("axes: {} has the value \"{}\" twice", axis.columns[0],
                                         axis.values[i].labels[0]));
  for (const Selection& row : sweep.exclude) check_selection("exclude", row, sweep, problems);
  check_selection("baseline", sweep.baseline, sweep, problems);
  std::string all;
  for (const std::string& problem : problems)
    all += fmt::format("{}{}: {}", all.empty() ? "" : "\n", file, problem);
  if (!all.empty()) throw input_error(all);
}

/// The base: a file named by the sweep file, looked up as every other file name, or a map.
Source base_source(const Node& base, const Source& sweep) {
  if (base.kind == Node::Kind::kMap) {
    Source part = sweep;
    auto node = std::make_shared<Node>(base);
    node->root = true;
    part.node = std::move(node);
    return part;
  }
  const auto refuse = [&](const std::string& why) {
    return input_error(fmt::format("{}: base: {}", base.place.str(), why));
  };
  if (base.kind != Node::Kind::kScalar)
    throw refuse("expected the name of a run file, or a map, got " + base.shown());
  const std::string naming = base.place.line > 0 && !sweep.is_text ? *base.place.origin : "";
  const std::string path = find_file(base.text, naming, "runs");
  if (path.empty()) throw refuse("no such run file " + base.shown());
  Problems of_base;  // told by who reads it as a run
  if (parse_source(file_source(path), of_base).find("axes") != nullptr)
    throw refuse(fmt::format("expected a run file; {} is a sweep", path));
  return file_source(path);
}

}  // namespace

std::vector<std::string> Sweep::columns() const {
  std::vector<std::string> all;
  for (const Axis& axis : axes) all.insert(all.end(), axis.columns.begin(), axis.columns.end());
  return all;
}

Sweep read_sweep(const Source& source, const std::vector<Override>& overrides) {
  const SweepFile file = read_document<SweepFile>(source, overrides);
  Sweep sweep;
  sweep.name = file.name.empty() ? std::filesystem::path(source.name).stem().string() : file.name;
  sweep.question = file.question;
  sweep.base = base_source(file.base, source);
  sweep.set = overrides_of(file.set);
  for (const AxisFile& axis : file.axes) sweep.axes.push_back(to_axis(axis));
  for (const SettingsFile& row : file.exclude) sweep.exclude.push_back(to_selection(row));
  sweep.metrics = file.metrics;
  sweep.constraints = file.constraints;
  sweep.baseline = to_selection(file.baseline);
  check_sweep(sweep, source.name);
  return sweep;
}

boost::json::value sweep_json(const Source& source, const std::vector<Override>& overrides) {
  return to_json(read_document<SweepFile>(source, overrides));
}

boost::json::object sweep_schema() { return schema_document<SweepFile>("bitjoule sweep"); }

}  // namespace bitjoule
