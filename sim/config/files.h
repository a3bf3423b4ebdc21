// Documents as they are read: files by name, each parsed once, and what files take from others.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "sim/config/node.h"

namespace bitjoule {

/// A document to read: a file, or text that stands for one (in tests and for generated runs).
struct Source {
  std::string name;  ///< the path, as errors print it
  std::string text;  ///< where `is_text`
  bool is_text = false;
  std::string folder;  ///< of the shipped files of this kind, tried when `name` is not a file
  std::shared_ptr<const Node> node = nullptr;  ///< or a part of another document, read already
};
inline Source file_source(std::string path) { return {std::move(path), "", false, ""}; }
inline Source text_source(std::string name, std::string text) {
  return {std::move(name), std::move(text), true, ""};
}
inline Source node_source(std::string name, Node node) {
  Source source = text_source(std::move(name), "");
  source.node = std::make_shared<const Node>(std::move(node));
  return source;
}

/// The directory of the shipped configuration files: $BITJOULE_CONFIGS, or
/// own_file("share/bitjoule/configs"). Throws an input Error where there is none.
std::string configs_dir();

/// A file of share/bitjoule that is no configuration; empty where there is none.
std::string shipped_file(const std::string& name);

/// Reads and parses a document; what is wrong with it goes to `problems`. At most 64 MiB.
Node parse_source(const Source& source, Problems& problems);

/// The file that `name` means to the file `naming` (empty: the working directory): itself if it is
/// absolute, else beside the naming file, else below configs_dir() or its `folder`.
/// Empty if there is none.
std::string find_file(const std::string& name, const std::string& naming,
                      const std::string& folder);

/// "no such file", "is a directory" or "is not a regular file" (reading a pipe or a device might
/// never end); empty where there is one.
std::string why_no_file(const std::string& name);

/// Files of a kind that are no YAML, and what they say as if they were.
struct ForeignFiles {
  std::string in_directory;  ///< the file that a directory's name means: "config.json"
  std::function<bool(const std::string& path)> includes;
  std::function<Node(const std::string& path)> read;  ///< throws an input Error
};
/// From now on such files are read wherever one of `folder` is meant.
void accept_foreign_files(const std::string& folder, ForeignFiles files);

/// Whether the file at `path`, of `folder`, is such a one.
bool is_foreign(const std::string& path, const std::string& folder);

/// As find_file(), or the file that a directory's name means.
std::string find_document(const std::string& name, const std::string& naming,
                          const std::string& folder);

/// Replaces the file name in `node` by the file's contents.
void splice_file(Node& node, const std::string& folder, Problems& problems);

/// Where the map has a key `base`: puts in what the file named there says, and the map does not.
/// Maps within are joined likewise, all other values replaced whole.
void join_base(Node& map, const std::string& folder, Problems& problems);

}  // namespace bitjoule
