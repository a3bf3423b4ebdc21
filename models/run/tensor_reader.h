// Where the tensors that a run names come from.
#pragma once

#include <string>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// Looks tensors up by what TensorSource says of them: files (sim/formats), or arrays in memory.
/// This one knows none.
class TensorReader {
 public:
  TensorReader() = default;
  virtual ~TensorReader() = default;
  TensorReader(const TensorReader&) = delete;
  TensorReader& operator=(const TensorReader&) = delete;

  /// The tensor `name` of `file`; where `name` is empty, the file's only one. It stays as long as
  /// the reader. Throws an input Error where there is none.
  virtual const StoredTensor& get(const std::string& file, const std::string& name);
};

}  // namespace bitjoule
