// TensorFlow Lite models as networks: part of the module "tflite" (sim/formats/tflite_module.h).
#pragma once

#include <string>
#include <vector>

#include "sim/import/import.h"

namespace bitjoule {

/// As ImporterRow::import.
Imported import_tflite(const Blob& file, const ImportOptions& options);

/// The operators that import_tflite makes layers of, sorted.
std::vector<std::string> tflite_operator_names();

}  // namespace bitjoule
