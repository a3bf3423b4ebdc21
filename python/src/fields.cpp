#include "python/src/fields.h"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include "core/error.h"
#include "python/src/interpreter.h"
#include "python/src/runs.h"
#include "python/src/values.h"
#include "sim/config/suggest.h"
#include "sim/result/result_fields.h"

namespace bitjoule::python {
namespace {

/// (path, unit, over layers, meaning)
py::tuple to_tuple(const FieldRow& row) {
  return py::make_tuple(row.path, row.unit, over_layers_name(row.over), row.meaning);
}

/// Layers have the fields of a run, which are described once.
const FieldRow* find(const std::string& path) {
  static const std::string kOfLayer = "layers[].";
  const FieldRow* row = find_field(path, result_fields());
  if (row == nullptr && path.rfind(kOfLayer, 0) == 0)
    row = find_field(path.substr(kOfLayer.size()), result_fields());
  return row;
}

py::object field(const std::string& path) {
  const FieldRow* row = find(path);
  if (row == nullptr) return py::none();
  return to_tuple(*row);
}

std::string refusal(const std::string& path) {
  std::vector<std::string> paths;
  for (const FieldRow& row : result_fields()) paths.push_back(row.path);
  return fmt::format("no result has \"{}\"{}", path, suggestion(path, paths));
}

}  // namespace

void bind_fields(py::module_& module) {
  module.def("fields", [] {
    py::list all;
    for (const FieldRow& row : result_fields()) all.append(to_tuple(row));
    return all;
  });
  // Between them they have every part that results can have.
  module.def("example_documents", [] {
    py::list all;
    for (ExampleResult& example : example_results())
      all.append(
          to_python(Report{std::move(example.run), std::move(example.result), "0"}.document()));
    return all;
  });
  module.def("field", &field);
  module.def("field_refusal", &refusal);
}

}  // namespace bitjoule::python
