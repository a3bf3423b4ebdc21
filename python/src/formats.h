// Number formats in Python: arrays to stored bytes and back.
#pragma once

#include <pybind11/pybind11.h>

namespace bitjoule::python {

void bind_formats(pybind11::module_& module);

}  // namespace bitjoule::python
