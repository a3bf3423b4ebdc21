#include "sim/formats/checkpoint_files.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "core/error.h"
#include "sim/formats/blob.h"
#include "sim/formats/safetensors.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxIndexBytes = 64 << 20;
const char* const kSingle = "model.safetensors";
const char* const kIndex = "model.safetensors.index.json";

void add_file(const fs::path& directory, const std::string& file, CheckpointFiles& weights) {
  for (StoredTensor& tensor : parse_safetensors(map_file((directory / file).string())))
    weights.tensors.push_back({std::move(tensor), file});
}

/// {"weight_map": {tensor: file}}
std::map<std::string, std::string> read_index(const std::string& path) {
  const Blob blob = map_file(path);
  if (blob.size() > kMaxIndexBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", path, blob.size()));
  boost::system::error_code error;
  const json::value parsed =
      json::parse({reinterpret_cast<const char*>(blob.data()), blob.size()}, error);
  const json::object* root = error ? nullptr : parsed.if_object();
  const json::value* map = root == nullptr ? nullptr : root->if_contains("weight_map");
  if (map == nullptr || !map->is_object())
    throw input_error(path + ": expected {\"weight_map\": {tensor: file}}");
  std::map<std::string, std::string> files;
  for (const auto& entry : map->get_object()) {
    const std::string file = entry.value().is_string() ? entry.value().get_string().c_str() : "";
    if (file.empty() || fs::path(file).has_parent_path())
      throw input_error(fmt::format("{}: weight_map: {}: expected a file beside it", path,
                                    std::string(entry.key())));
    files[entry.key()] = file;
  }
  return files;
}

}  // namespace

CheckpointFiles find_weights(const std::string& directory) {
  const fs::path folder = directory.empty() ? fs::path(".") : fs::path(directory);
  CheckpointFiles weights;
  std::error_code error;
  if (fs::is_regular_file(folder / kIndex, error)) {
    weights.source = kIndex;
    const std::map<std::string, std::string> index = read_index((folder / kIndex).string());
    std::set<std::string> files;
    for (const auto& [tensor, file] : index) files.insert(file);
    for (const std::string& file : files) add_file(folder, file, weights);
    for (const CheckpointFiles::Entry& entry : weights.tensors) {
      const auto found = index.find(entry.tensor.name);
      if (found == index.end() || found->second != entry.file)
        throw input_error(fmt::format("{}: tensor \"{}\" lies in {}, which the index does not say",
                                      (folder / kIndex).string(), entry.tensor.name, entry.file));
    }
    if (weights.tensors.size() != index.size())
      throw input_error(fmt::format("{}: names {} tensors, the files hold {}",
                                    (folder / kIndex).string(), index.size(),
                                    weights.tensors.size()));
  } else if (fs::is_regular_file(folder / kSingle, error)) {
    weights.source = kSingle;
    add_file(folder, kSingle, weights);
  } else {
    for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json",
                             "consolidated.00.pth", "consolidated.safetensors"})
      if (weights.unread.empty() && fs::exists(folder / name, error)) weights.unread = name;
  }
  return weights;
}

}  // namespace bitjoule
