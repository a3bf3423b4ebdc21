#include "sim/import/import.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"
#include "sim/network/network_file.h"

namespace bitjoule {

const std::vector<ImporterRow>& importers() {
  static const std::vector<ImporterRow> kRows = {
      {"onnx", ".onnx", "ONNX models", import_onnx},
      {"gguf", ".gguf", "llama.cpp's models: every tensor as it is stored", import_gguf},
      {"hugging_face", ".json", "config.json of a transformer", import_hugging_face},
      {"scalesim_topology", ".csv", "SCALE-Sim's layers: convolutions or GEMMs",
       import_scalesim_topology},
      {"scalesim_config", ".cfg", "SCALE-Sim's hardware file, to an accelerator file",
       import_scalesim_config},
  };
  return kRows;
}

const ImporterRow& find_importer(const std::string& name, const Blob& file) {
  const bool gguf = file.size() >= 4 && std::memcmp(file.data(), "GGUF", 4) == 0;
  const std::string extension = gguf ? ".gguf" : std::filesystem::path(file.name()).extension();
  std::vector<std::string> names;
  for (const ImporterRow& row : importers()) {
    if (name.empty() ? row.extension == extension : row.name == name) return row;
    names.push_back(row.name);
  }
  if (name.empty())
    throw input_error(fmt::format("{}: \"{}\" tells no importer; name one with --from ({})",
                                  file.name(), extension, fmt::join(names, ", ")));
  throw input_error(fmt::format("--from: {}, got \"{}\"{}", leaf::expected_names(names), name,
                                suggestion(name, names)));
}

std::string network_value(const std::string& path, const ImportOptions& options) {
  const std::string extension = std::filesystem::path(path).extension();
  if (extension == ".yaml" || extension == ".yml")
    return boost::json::serialize(boost::json::string(path));
  const Blob file = Blob::map_file(path);
  ImportOptions named = options;
  if (named.reference.empty()) named.reference = path;
  const ImporterRow& importer = find_importer("", file);
  if (importer.import == import_scalesim_config)
    throw input_error(fmt::format(
        "{}: a machine, not a network: `sim import` makes an accelerator file of it", path));
  return importer.import(file, named).yaml;
}

Network import_network(const std::string& path, const ImportOptions& options) {
  const Blob file = Blob::map_file(path);
  const Imported imported = find_importer("", file).import(file, options);
  return read_network(text_source(path, imported.yaml));
}

}  // namespace bitjoule
