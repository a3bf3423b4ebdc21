// The weights that lie beside a config.json, in .safetensors files.
#pragma once

#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// The tensors beside a config.json. Only headers are read.
struct CheckpointFiles {
  struct Entry {
    StoredTensor tensor;
    std::string file;  ///< its name within the directory
  };
  std::vector<Entry> tensors;
  std::string source;  ///< "model.safetensors", or the index that names the files; empty: none
  std::string unread;  ///< weights in a form that is not read ("pytorch_model.bin"); empty: none
};

/// Those of `directory`, if there are any. Throws an input Error for damaged files.
CheckpointFiles find_weights(const std::string& directory);

}  // namespace bitjoule
