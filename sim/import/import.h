// Importers: from other programs' files to network files. Each is a row of a table.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/workload/network.h"
#include "sim/config/document.h"
#include "sim/formats/blob.h"
#include "sim/import/transformer.h"
#include "sim/schema/describe_run.h"

namespace bitjoule {

struct ImportOptions {
  /// Sizes of symbolic dimensions (ONNX), or parameters of the network by name.
  std::map<std::string, std::int64_t> sizes;
  /// ONNX inputs whose values are known: name to .pb file. Shapes, bounds and axes must be.
  std::map<std::string, std::string> constants;
  /// Files that are given for inputs, by name; ONNX takes those as constants that shapes, bounds or
  /// axes come from.
  std::map<std::string, std::string> inputs;
  std::int64_t batch = 1;     ///< for a first dimension that the file leaves open
  bool skip_unknown = false;  ///< leave out operators and tensors that are not known
  bool requantize = false;    ///< GGUF: weights in the formats of the run instead of the file's
  std::string reference;      ///< how the network names the imported file; default: as it is named
};

struct Imported {
  /// The layers; what replaces parts of a shipped base; or a machine (SCALE-Sim's .cfg).
  std::variant<Network, TransformerFile, AcceleratorFile> what;
  std::vector<std::string> notes;  ///< what was left out or simplified, a line each
  /// The options' sizes, where they are parameters of the network.
  std::map<std::string, std::int64_t> parameters;
};

struct ImporterRow {
  std::string name;
  std::string extension;  ///< ".onnx"
  std::string summary;
  /// Throws an input Error for whatever is wrong with the file.
  Imported (*import)(const Blob& file, const ImportOptions& options);
};

const std::vector<ImporterRow>& importers();

/// By name, or (where `name` is empty) by the file's extension; a GGUF file by its magic as well.
const ImporterRow& find_importer(const std::string& name, const Blob& file);

/// Imports a file; `name` as find_importer() has it. Throws an input Error for names in it that are
/// no UTF-8, which neither YAML nor JSON can hold.
Imported import_file(const std::string& name, const Blob& file, const ImportOptions& options);

/// The file that `sim import` writes: a network file, or an accelerator file.
std::string imported_yaml(const Imported& imported);
/// The network as it is when that file is read. Throws an input Error for a machine.
Network network_of(const Imported& imported);

/// The file of a network: the config.json of a directory, else the path as it is. Throws an input
/// Error for a directory without one.
std::string network_path(const std::string& path);

/// What `--network FILE` puts in the place of a run's `network`.
struct NetworkValue {
  Override override;  ///< the name of a network file, or the network that another's file holds
  std::vector<std::string> notes;                  ///< as of Imported
  std::map<std::string, std::int64_t> parameters;  ///< likewise
};
NetworkValue network_value(const std::string& path, const ImportOptions& options = {});

/// From now on a run's `network: FILE` may name what `sim import` reads, as --network may.
void accept_imported_networks();

/// From now on the network of `path`, where a file names it, is imported with these options.
/// Returns those of their sizes that are its parameters; none where the import fails, which is told
/// where the network is named.
std::map<std::string, std::int64_t> import_named_with(const std::string& path,
                                                      const ImportOptions& options);

/// Imports and builds at once.
Network import_network(const std::string& path, const ImportOptions& options = {});

Imported import_gguf(const Blob& file, const ImportOptions& options);
Imported import_hugging_face(const Blob& file, const ImportOptions& options);
Imported import_scalesim_config(const Blob& file, const ImportOptions& options);
Imported import_scalesim_topology(const Blob& file, const ImportOptions& options);

}  // namespace bitjoule
