// A YAML document as a tree in which every value knows where it stands, so that errors can say so.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace bitjoule {

/// Where a value was written: a line and column (from 1) of a file, or a `--set` option (line 0).
struct Place {
  std::shared_ptr<const std::string> origin;  ///< the file's path, or "--set a.b.c"
  int line = 0;
  int column = 0;

  /// "file:line:column", or the origin alone where there is no line.
  std::string str() const;
};

struct NodeEntry;
struct Frozen;

/// One YAML value. Anchors, aliases and tags do not occur: the parser refuses them.
struct Node {
  enum class Kind {
    kNull,
    kScalar,
    kList,
    kMap,
    kBroken,  ///< already reported (a file that could not be read): readers pass over it
  };
  Kind kind = Kind::kNull;
  std::string text;     ///< of a scalar
  bool quoted = false;  ///< a scalar written in quotes is a string, never a number
  bool root = false;    ///< of a file or a --set value: names of keys in errors start from here
  std::string alias;    ///< of a root: its own name in errors, where it was moved (PathAlias)
  Place place;
  Place named;              ///< of a file's root: the option that names the file, if one does
  std::vector<Node> items;  ///< of a list
  std::vector<NodeEntry> entries;        ///< of a map, in the order of the file
  std::shared_ptr<const Frozen> frozen;  ///< of a map whose entries stand there: see freeze()

  /// The one that may be changed thaws the map.
  Node* find(const std::string& key);
  const Node* find(const std::string& key) const;
  /// The value for messages: `"text"`, "a map", "a list" or "nothing".
  std::string shown() const;
};

struct NodeEntry {
  std::string key;
  Place place;  ///< of the key
  Node value;
  bool from_root = false;  ///< written at the root: see resolve_aliases()
};

/// A map that has been read without problems, and what it means: trees share it when they are
/// copied, and nobody reads it again.
struct Frozen {
  Node map;
  const void* type = nullptr;  ///< of `value`: see freeze()
  std::shared_ptr<const void> value;
};

/// Everything that is wrong with a configuration, gathered so that the user sees it at once.
class Problems {
 public:
  /// `path` is the dotted key within its file and may be empty.
  void add(const Place& place, const std::string& path, const std::string& message);
  bool empty() const { return rows_.empty(); }
  std::size_t count() const { return rows_.size(); }
  /// Throws one input Error with a line per problem, in the order of the files and their lines.
  void throw_if_any() const;

 private:
  struct Row {
    Place place;
    std::string text;
  };
  std::vector<Row> rows_;
};

/// Parses one YAML document. Syntax errors, duplicate keys, anchors, aliases, tags, a second
/// document, nesting beyond 64 levels and more than a million values are added to `problems`.
Node parse_yaml(const std::string& text, const std::string& origin, Problems& problems);

}  // namespace bitjoule
