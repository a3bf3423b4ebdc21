// ONNX models as networks: part of the module "onnx" (sim/formats/onnx_module.h).
#pragma once

#include <string>
#include <vector>

#include "sim/import/import.h"

namespace bitjoule {

/// As ImporterRow::import.
Imported import_onnx(const Blob& file, const ImportOptions& options);

/// The operators that import_onnx makes layers of, sorted.
std::vector<std::string> onnx_operator_names();
/// Those that it computes when it imports, from constants and shapes alone, sorted.
std::vector<std::string> onnx_computed_operator_names();

}  // namespace bitjoule
