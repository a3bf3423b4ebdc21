// The module "tflite": its table for the program.
#include "sim/formats/tflite_model.h"
#include "sim/formats/tflite_module.h"
#include "sim/import/tflite_import.h"
#include "sim/version.h"

// Names that are looked up by dlsym().
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const bitjoule::TfliteModule bitjoule_tflite;
const bitjoule::TfliteModule bitjoule_tflite = {bitjoule::import_tflite, bitjoule::tflite_tensors,
                                                bitjoule::tflite_operator_names};

extern const std::string bitjoule_tflite_build;
const std::string bitjoule_tflite_build = build_key(bitjoule::build());
}
// NOLINTEND(readability-identifier-naming)
