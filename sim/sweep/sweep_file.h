// A sweep file: one base run and the axes along which it varies.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "sim/config/document.h"

namespace bitjoule {

/// What one value of an axis sets, and what results call it.
struct AxisValue {
  std::vector<std::string> labels;  ///< one per column of the axis
  std::vector<Override> set;
};

/// One factor of the product: values of a path, several paths zipped, or named variants.
struct Axis {
  std::vector<std::string> columns;  ///< of results.csv: paths, or the name of the variants
  std::vector<AxisValue> values;     ///< at least one
};

/// Labels by column: one of the labels must hold in every column.
using Selection = std::map<std::string, std::vector<std::string>>;

struct Sweep {
  std::string name;
  std::string question;  ///< what it is to answer, for the report
  Source base;
  std::vector<Override> set;  ///< on the base, before the axes
  std::vector<Axis> axes;
  std::vector<Selection> exclude;
  std::vector<std::string> metrics;      ///< dotted paths of result.json, for tables and reports
  std::vector<std::string> constraints;  ///< that the best points keep (constraints.h)
  Selection baseline;                    ///< empty: no ratios

  std::vector<std::string> columns() const;
};

/// Reads a sweep file; `overrides` are paths of the sweep file. Throws an input Error with a line
/// per problem: empty and repeated axes, selections of what no axis has.
Sweep read_sweep(const Source& source, const std::vector<Override>& overrides = {});

/// The file as JSON, its defaults filled in.
boost::json::value sweep_json(const Source& source, const std::vector<Override>& overrides);
boost::json::object sweep_schema();

}  // namespace bitjoule
