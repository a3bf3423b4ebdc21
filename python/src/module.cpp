// bitjoule._native: what the package in Python stands on. Its functions are no interface of their
// own: see python/bitjoule.
#include <pybind11/pybind11.h>

#include "python/src/fields.h"
#include "python/src/formats.h"
#include "python/src/interpreter.h"
#include "python/src/runs.h"
#include "python/src/sweeps.h"
#include "sim/config/document.h"
#include "sim/import/import.h"
#include "sim/version.h"

PYBIND11_MODULE(_native, module) {
  using namespace bitjoule;
  python::register_errors();
  accept_imported_networks();
  python::bind_runs(module);
  python::bind_sweeps(module);
  python::bind_formats(module);
  python::bind_fields(module);
  module.def("version", [] { return build_text(build()); });
  module.def("configs_dir", &configs_dir);
}
