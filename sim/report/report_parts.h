// What the pages about a run and about a sweep have in common.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/report/html/page.h"
#include "sim/sweep/results.h"

namespace bitjoule {

/// A metric's name as prose, without the unit that its values are printed with: "dram.read_bytes"
/// is "DRAM read".
std::string heading_of(const std::string& metric);

/// An axis as prose, its last two words: "weights format" of "precision.weights.format".
std::string column_title(const std::string& column);
/// What a swept value is worth: a number, or a quantity with a unit ("64 KiB").
std::optional<double> number_of(const std::string& label);
/// "26.7 us" as a page says it.
std::string with_micro(std::string text);

/// A swept value as prose: a file without its folder and ending.
std::string short_label(const std::string& label);
/// Those of a point, joined.
std::string point_label(const PointResult& point);

/// The figures in plots/ beside the file `results`; nothing without one.
std::string figures(const std::string& results);

/// Version, hash and configuration of a result; `how` to use them.
std::string reproduce(const boost::json::object& result, const std::string& how);

/// The name of a result's machine; may be empty.
std::string machine_name(const boost::json::object& result);
/// The block diagram of the machine of a result, with what its parts did by flattened `metrics`;
/// `of`: of which point it is.
std::string machine_section(const boost::json::object& result, const boost::json::object& metrics,
                            const std::string& of);

/// The places of the charts of report_data(), in its order.
std::string chart_sections(const boost::json::object& data);

/// Empty where the metric does not apply.
html::Cell metric_cell(const PointResult& point, const std::string& metric);

/// Of a run's result.json; of a sweep's results.json.
std::string run_report(const std::string& file);
std::string sweep_report(const std::string& file);

}  // namespace bitjoule
