// Any file that holds tensors, by its name's ending: .npy, .safetensors, .gguf, .onnx, .pb; or the
// directory of a checkpoint.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/tensor_reader.h"
#include "sim/formats/blob.h"
#include "sim/formats/checkpoint.h"

namespace bitjoule {

/// Throws an input Error for unknown endings and damaged files.
std::vector<StoredTensor> read_tensor_file(const std::string& path);
std::vector<StoredTensor> parse_tensor_file(const Blob& blob);

/// The tensor of that name; where `name` is empty, the file's only one. Throws an input Error that
/// names the nearest tensor.
StoredTensor load_tensor(const std::string& path, const std::string& name);

/// Files that several tensors are taken from, each read once.
class TensorFiles : public TensorReader {
 public:
  /// As load_tensor().
  const StoredTensor& get(const std::string& path, const std::string& name) override;

 private:
  std::map<std::string, std::vector<StoredTensor>> files_;
  std::map<std::string, std::unique_ptr<Checkpoint>> checkpoints_;
};

}  // namespace bitjoule
