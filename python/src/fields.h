// What the fields of results mean.
#pragma once

#include <pybind11/pybind11.h>

namespace bitjoule::python {

void bind_fields(pybind11::module_& module);

}  // namespace bitjoule::python
