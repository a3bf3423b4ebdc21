// What the program uses of the module "onnx", which holds everything that knows protobuf.
#pragma once

#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"
#include "sim/system/module.h"

namespace bitjoule {

struct Imported;
struct ImportOptions;

struct OnnxModule {
  Imported (*import)(const Blob& file, const ImportOptions& options);
  /// All constants of a model, and a lone TensorProto (.pb).
  std::vector<StoredTensor> (*tensors)(const Blob& blob);
  StoredTensor (*tensor)(const Blob& blob);
  /// Operators that become layers, and those that are computed from constants and shapes; sorted.
  std::vector<std::string> (*operators)();
  std::vector<std::string> (*computed_operators)();
};

/// Loads it. `use` is the file or argument that needs it; throws as load_module().
inline const OnnxModule& onnx_module(const std::string& use) {
  return module_table<OnnxModule>("onnx", use);
}

}  // namespace bitjoule
