#include "sim/import/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string_view>

#include "core/error.h"
#include "sim/config/json_node.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"
#include "sim/config/utf8.h"
#include "sim/config/writer.h"
#include "sim/formats/onnx_module.h"
#include "sim/formats/tflite_module.h"
#include "sim/schema/network_file.h"

namespace bitjoule {

namespace {

Imported import_onnx_model(const Blob& file, const ImportOptions& options) {
  return onnx_module(file.name()).import(file, options);
}

Imported import_tflite_model(const Blob& file, const ImportOptions& options) {
  return tflite_module(file.name()).import(file, options);
}

/// The file that `sim import` writes, as it is read; errors name `origin`.
Node imported_node(const Imported& imported, const std::string& origin) {
  if (const auto* network = std::get_if<Network>(&imported.what))
    return node_of(to_json(*network), origin);
  if (const auto* file = std::get_if<TransformerFile>(&imported.what)) return file->node(origin);
  return node_of(to_json(std::get<AcceleratorFile>(imported.what)), origin);
}

void require_utf8(const std::string& text, const std::string& file) {
  if (const std::size_t at = first_non_utf8(text); at != text.size())
    throw input_error(fmt::format("{}: a name in it is no UTF-8, byte 0x{:02x} behind \"{}\"", file,
                                  static_cast<unsigned char>(text[at]), text.substr(0, at)));
}

void require_utf8(const Node& node, const std::string& file) {
  require_utf8(node.text, file);
  for (const Node& item : node.items) require_utf8(item, file);
  for (const NodeEntry& entry : node.entries) {
    require_utf8(entry.key, file);
    require_utf8(entry.value, file);
  }
}

}  // namespace

const std::vector<ImporterRow>& importers() {
  static const std::vector<ImporterRow> kRows = {
      {"onnx", ".onnx", "ONNX models", import_onnx_model},
      {"tflite", ".tflite", "TensorFlow Lite models", import_tflite_model},
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
  throw input_error(fmt::format("--from: {}, got \"{}\"{}", expected_names(names), name,
                                suggestion(name, names)));
}

Imported import_file(const std::string& name, const Blob& file, const ImportOptions& options) {
  const ImporterRow& row = find_importer(name, file);
  const bool is_scalesim =
      row.import == import_scalesim_config || row.import == import_scalesim_topology;
  if (is_scalesim && (options.batch != 1 || options.skip_unknown || !options.sizes.empty()))
    throw input_error(
        file.name() +
        ": --batch, --size and --skip-unknown: of networks with open sizes or unknown "
        "parts, which SCALE-Sim's files have not");
  if (options.requantize && row.import != import_gguf)
    throw input_error(file.name() +
                      ": --requantize: of a GGUF file, which says the format of each tensor");
  Imported imported = row.import(file, options);
  require_utf8(imported_node(imported, file.name()), file.name());
  return imported;
}

std::string imported_yaml(const Imported& imported) {
  if (const auto* network = std::get_if<Network>(&imported.what)) return network_yaml(*network);
  if (const auto* file = std::get_if<TransformerFile>(&imported.what)) return file->yaml();
  return json_text(to_json(std::get<AcceleratorFile>(imported.what)));
}

Network network_of(const Imported& imported) {
  if (const auto* network = std::get_if<Network>(&imported.what)) return *network;
  if (const auto* file = std::get_if<TransformerFile>(&imported.what))
    return read_network(node_source(file->name, file->node(file->name)));
  throw input_error("a machine, not a network");
}

std::string network_path(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  const fs::path config = fs::path(path) / "config.json";
  if (fs::is_regular_file(config, error)) return config.string();
  throw input_error(fmt::format(
      "{}: a directory without a config.json: expected a checkpoint of Hugging Face, or a file",
      path));
}

namespace {

/// The network of a file, which it names as it is named here.
Imported import_named(const std::string& path, ImportOptions options) {
  const Blob file = map_file(path);
  if (options.reference.empty()) options.reference = path;
  if (find_importer("", file).import == import_scalesim_config)
    throw input_error(fmt::format(
        "{}: a machine, not a network: `sim import` makes an accelerator file of it", path));
  return import_file("", file, options);
}

}  // namespace

NetworkValue network_value(const std::string& given, const ImportOptions& options) {
  const std::string path = network_path(given);
  const std::string extension = std::filesystem::path(path).extension();
  if (extension == ".yaml" || extension == ".yml") {
    if (options.batch != 1 || options.skip_unknown || options.requantize || !options.sizes.empty())
      throw input_error(
          path +
          ": a network file, whose sizes are --set network.parameters.NAME=N; --batch, --size, "
          "--skip-unknown and --requantize are for imported ones");
    return {{"network", boost::json::serialize(boost::json::string(path))}, {}, {}};
  }
  const Imported imported = import_named(path, options);
  auto node = std::make_shared<const Node>(imported_node(imported, path));
  return {{"network", "", std::move(node)}, imported.notes, imported.parameters};
}

namespace {

/// A SCALE-Sim's .csv and the like by their extensions, a .json by what it holds: a network file
/// may be written as JSON.
bool is_imported(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension();
  if (extension == ".yaml" || extension == ".yml") return false;
  const Blob file = map_file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (extension == ".json") return text.find("\"model_type\"") != std::string_view::npos;
  return text.substr(0, 4) == "GGUF" ||
         std::any_of(importers().begin(), importers().end(),
                     [&](const ImporterRow& row) { return row.extension == extension; });
}

/// What named networks are imported with, by path, and what they were when they were read.
struct NamedNetworks {
  struct Known {
    std::filesystem::file_time_type written;
    std::uintmax_t size;
    Node node;
    std::map<std::string, std::int64_t> parameters;
  };
  std::mutex mutex;
  std::map<std::string, ImportOptions> options;
  std::map<std::string, Known> files;
};

NamedNetworks& named_networks() {
  static NamedNetworks named;
  return named;
}

/// Read once as long as the file stays what it is: every point of a sweep asks.
const NamedNetworks::Known& known_import(NamedNetworks& named, const std::string& path) {
  constexpr std::size_t kMostFiles = 16;
  const auto written = std::filesystem::last_write_time(path);
  const std::uintmax_t size = std::filesystem::file_size(path);
  const auto known = named.files.find(path);
  if (known != named.files.end() && known->second.written == written && known->second.size == size)
    return known->second;
  const auto given = named.options.find(path);
  const Imported imported =
      import_named(path, given == named.options.end() ? ImportOptions() : given->second);
  Node node = imported_node(imported, path);
  if (!imported.notes.empty()) {
    const boost::json::array notes(imported.notes.begin(), imported.notes.end());
    node.entries.push_back({"notes", node.place, node_of(notes, path)});
  }
  if (named.files.size() == kMostFiles) named.files.clear();
  return named.files
      .insert_or_assign(path,
                        NamedNetworks::Known{written, size, std::move(node), imported.parameters})
      .first->second;
}

Node read_imported(const std::string& path) {
  NamedNetworks& named = named_networks();
  const std::lock_guard<std::mutex> lock(named.mutex);
  return known_import(named, path).node;
}

}  // namespace

std::map<std::string, std::int64_t> import_named_with(const std::string& path,
                                                      const ImportOptions& options) {
  NamedNetworks& named = named_networks();
  const std::lock_guard<std::mutex> lock(named.mutex);
  named.options[path] = options;
  named.files.erase(path);
  try {
    return known_import(named, path).parameters;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    return {};
  }
}

void accept_imported_networks() {
  accept_foreign_files(FileKind<NetworkFile>::kFolder, {"config.json", is_imported, read_imported});
}

Network import_network(const std::string& path, const ImportOptions& options) {
  const Blob file = map_file(path);
  return network_of(import_file("", file, options));
}

}  // namespace bitjoule
