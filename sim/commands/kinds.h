// The kinds of configuration files: an explicit table for `sim check`, `sim schema`, `sim list`.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/config/document.h"

namespace bitjoule {

struct FileKindRow {
  std::string name;    ///< "run", "accelerator", ...
  std::string folder;  ///< of the shipped files, below configs_dir()
  std::string summary;
  /// Reads the file with everything it names; returns the resolved configuration.
  boost::json::value (*check)(const Source&, const std::vector<Override>&);
  boost::json::object (*schema)();
};

const std::vector<FileKindRow>& file_kinds();

/// Throws an input Error with the valid names.
const FileKindRow& find_file_kind(const std::string& name);

/// The kind whose keys a file's top level has most of. Throws an input Error if it has none.
const FileKindRow& guess_file_kind(const Source& source);

/// The shipped files of a folder, sorted, relative to configs_dir().
std::vector<std::string> shipped_files(const std::string& folder);

}  // namespace bitjoule
