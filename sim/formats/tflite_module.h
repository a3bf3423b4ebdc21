// What the program uses of the module "tflite", which holds everything that knows flatbuffers.
#pragma once

#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"
#include "sim/system/module.h"

namespace bitjoule {

struct Imported;
struct ImportOptions;

struct TfliteModule {
  Imported (*import)(const Blob& file, const ImportOptions& options);
  /// All constants of a model, with scales and zero-points.
  std::vector<StoredTensor> (*tensors)(const Blob& blob);
  /// Operators that become layers, sorted.
  std::vector<std::string> (*operators)();
};

/// Loads it. `use` is the file or argument that needs it; throws as load_module().
inline const TfliteModule& tflite_module(const std::string& use) {
  return module_table<TfliteModule>("tflite", use);
}

}  // namespace bitjoule
