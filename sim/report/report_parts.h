// What the pages about a run and about a sweep have in common.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/report/html/page.h"
#include "sim/sweep/results.h"

namespace bitjoule {

/// A metric's name as prose, without the unit that its values are printed with: "dram.read_bytes"
/// is "DRAM read".
std::string heading_of(const std::string& metric);

/// A swept value as prose: a file without its folder and ending.
std::string short_label(const std::string& label);
/// Those of a point, joined.
std::string point_label(const PointResult& point);

/// Which bars are drawn where a page does not hold all, in their order.
enum class Shown {
  kFirst,
  kLargest,  ///< in each figure those that are longest there
};

/// Energy, traffic and time by part: a bar per point, as far as they fit a page. `what` the points
/// are: "points", "layers".
std::string stack_sections(const std::vector<const PointResult*>& points, const char* what,
                           Shown shown);

/// Area by component of each point; nothing where none has a figure.
std::string area_section(const std::vector<const PointResult*>& points);

/// The figures in plots/ beside the file `results`; nothing without one.
std::string figures(const std::string& results);

/// Version, hash and configuration of a result; `how` to use them.
std::string reproduce(const boost::json::object& result, const std::string& how);

/// The block diagram of the machine of a result.
std::string machine_section(const boost::json::object& result);

/// Empty where the metric does not apply.
html::Cell metric_cell(const PointResult& point, const std::string& metric);

/// Of a run's result.json; of a sweep's results.json.
std::string run_report(const std::string& file);
std::string sweep_report(const std::string& file);

}  // namespace bitjoule
