#include "sim/formats/tensor_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "core/error.h"
#include "sim/config/suggest.h"
#include "sim/formats/gguf.h"
#include "sim/formats/npy.h"
#include "sim/formats/onnx_module.h"
#include "sim/formats/safetensors.h"
#include "sim/formats/tflite_module.h"

namespace bitjoule {
namespace {

std::vector<StoredTensor> gguf_tensors(const Blob& blob) {
  const GgufFile file = parse_gguf(blob);
  if (!file.has_data && !file.tensors.empty())
    throw input_error(blob.name() + ": a header without the tensors' data");
  return file.tensors;
}

struct TensorFileRow {
  const char* extension;
  std::vector<StoredTensor> (*parse)(const Blob&);
};

const TensorFileRow kTensorFileRows[] = {
    {".npy", [](const Blob& blob) { return std::vector<StoredTensor>{parse_npy(blob)}; }},
    {".safetensors", parse_safetensors},
    {".gguf", gguf_tensors},
    {".onnx", [](const Blob& blob) { return onnx_module(blob.name()).tensors(blob); }},
    {".tflite", [](const Blob& blob) { return tflite_module(blob.name()).tensors(blob); }},
    {".pb",
     [](const Blob& blob) {
       return std::vector<StoredTensor>{onnx_module(blob.name()).tensor(blob)};
     }},
};

const StoredTensor& find_tensor(const std::vector<StoredTensor>& tensors, const std::string& path,
                                const std::string& name) {
  if (name.empty() && tensors.size() == 1) return tensors.front();
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
    names.push_back(tensor.name);
  }
  if (name.empty())
    throw input_error(fmt::format("{}: holds {} tensors; name one", path, tensors.size()));
  throw input_error(fmt::format("{}: no tensor \"{}\"{}", path, name, suggestion(name, names)));
}

}  // namespace

std::vector<StoredTensor> parse_tensor_file(const Blob& blob) {
  const std::string extension = std::filesystem::path(blob.name()).extension().string();
  std::vector<std::string> names;
  for (const TensorFileRow& row : kTensorFileRows) {
    if (extension == row.extension) return row.parse(blob);
    names.emplace_back(row.extension);
  }
  throw input_error(
      fmt::format("{}: expected a file of tensors ({})", blob.name(), fmt::join(names, ", ")));
}

std::vector<StoredTensor> read_tensor_file(const std::string& path) {
  return parse_tensor_file(map_file(path));
}

StoredTensor load_tensor(const std::string& path, const std::string& name) {
  return find_tensor(read_tensor_file(path), path, name);
}

const StoredTensor& TensorFiles::get(const std::string& path, const std::string& name) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    std::unique_ptr<Checkpoint>& checkpoint = checkpoints_[path];
    if (checkpoint == nullptr) checkpoint = std::make_unique<Checkpoint>(path);
    return checkpoint->get(name);
  }
  auto found = files_.find(path);
  if (found == files_.end()) found = files_.emplace(path, read_tensor_file(path)).first;
  return find_tensor(found->second, path, name);
}

}  // namespace bitjoule
