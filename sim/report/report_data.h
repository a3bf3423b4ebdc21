// What the script of a page draws, as JSON: rows, their columns, and charts by chart_table.h.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/report/chart_table.h"
#include "sim/sweep/results.h"

namespace bitjoule {

/// The rows of a page: points of a sweep, or layers of a run.
struct ReportRows {
  std::string what;                  ///< "points", "layers"
  std::vector<std::string> columns;  ///< of their labels
  std::vector<const PointResult*> rows;
  std::string baseline = {};                       ///< what all are compared with; "": nothing
  std::vector<const PointResult*> baselines = {};  ///< of each row, of `rows`; nullptr: none
};

/// A chart of energy against error, and the points that no other beats in both.
struct PointsFront {
  const PointsRow* chart;
  std::vector<const PointResult*> points;
};

/// {what, columns: [{title, values, numbers}], labels, cells, baseline, baselines, charts}. A
/// column's `values` are its labels, each once, in order; `numbers` what they are worth where all
/// are numbers, else null; `cells` has the place in `values` of each row and column; `baselines`
/// the place of each row's baseline, or null. `fronts`: of `rows`, those that no other beats in
/// both of a chart.
boost::json::object report_data(const ReportRows& rows, const std::vector<PointsFront>& fronts);

/// Its charts' names and titles with the questions, for the page around them.
struct ChartPlace {
  std::string id, title, asks;
};
std::vector<ChartPlace> chart_places(const boost::json::object& data);

}  // namespace bitjoule
