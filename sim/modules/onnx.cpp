// The module "onnx": its table for the program.
#include "sim/formats/onnx_model.h"
#include "sim/formats/onnx_module.h"
#include "sim/formats/onnx_values.h"
#include "sim/import/onnx_import.h"
#include "sim/version.h"

// Names that are looked up by dlsym().
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const bitjoule::OnnxModule bitjoule_onnx;
const bitjoule::OnnxModule bitjoule_onnx = {
    bitjoule::import_onnx, bitjoule::onnx_tensors, bitjoule::parse_onnx_tensor,
    bitjoule::onnx_operator_names, bitjoule::onnx_computed_operator_names};

extern const std::string bitjoule_onnx_build;
const std::string bitjoule_onnx_build = build_key(bitjoule::build());
}
// NOLINTEND(readability-identifier-naming)
