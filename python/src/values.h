// Python's values as configurations, and JSON as Python's values.
#pragma once

#include <pybind11/pybind11.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/config/document.h"

namespace bitjoule::python {

namespace py = pybind11;

/// Objects as dicts, arrays as lists, null as None.
py::object to_python(const boost::json::value& value);

/// What a run, a sweep or a format is read from: the name of a file, or a map as JSON text.
struct Given {
  std::string text;
  bool is_file = false;
  std::string name;  ///< what errors call a map
};
/// Throws an input Error for text that is no map.
Source source_of(const Given& given);

/// Pairs of dotted path and YAML, as `--set` takes them.
using Settings = std::vector<std::pair<std::string, std::string>>;
std::vector<Override> overrides_of(const Settings& settings);

}  // namespace bitjoule::python
