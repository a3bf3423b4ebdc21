// From files and --set options to one tree: what happens before the typed reader looks at it.
//
// 1. The file is parsed; where a struct of a FileKind is expected and a file name stands, that file
//    is looked up (beside the file that names it, then among the shipped ones) and spliced in.
//    The same happens to the file that a map names as its `base`.
// 2. Each --set a.b.c=value, in order, replaces or adds the value at its path, reaching through
//    spliced files; the value is YAML, and may itself be a file name. What was written at the root
//    of a run (dram, energy, phase) stays when its accelerator or network is replaced.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/config/describe.h"
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

/// One `--set path=value`, or what a file says in its place.
struct Override {
  std::string path;   ///< dotted keys from the root; list elements by number
  std::string value;  ///< YAML
  /// Instead of `value`: a value of a file. Errors name its place, and file names in it are looked
  /// up beside that file.
  std::shared_ptr<const Node> node = nullptr;
};

/// Splits "a.b.c=value". Throws an input Error without '=' or with an empty key.
Override parse_override(const std::string& text);
/// Throws an input Error that starts with `what` for a path with an empty key.
void check_override_path(const std::string& path, const std::string& what);

/// The directory of the shipped configuration files: $BITJOULE_CONFIGS, or
/// own_file("share/bitjoule/configs"). Throws an input Error where there is none.
std::string configs_dir();
/// Where they were installed: for what knows it from its own place.
void set_installed_configs(const std::string& directory);

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

/// Replaces the file name in `node` by the file's contents.
void splice_file(Node& node, const std::string& folder, Problems& problems);

/// Where the map has a key `base`: puts in what the file named there says, and the map does not.
/// Maps within are joined likewise, all other values replaced whole.
void join_base(Node& map, const std::string& folder, Problems& problems);

/// Applies one override to the tree; a path that starts with an alias goes to its target.
void apply_override(Node& root, const Override& override, const std::vector<PathAlias>& aliases,
                    Problems& problems);

/// Removes the rivals of a root's key that an override has replaced as a whole.
void remove_rivals(Node& root, const Override& override, std::vector<std::string> rivals);

/// Moves the values of aliases to their targets and puts default files where nothing stands.
void resolve_aliases(Node& root, const std::vector<PathAlias>& aliases);

/// Where an override is about to replace the target of aliases as a whole: moves back to the root
/// what was written there. Returns whether resolve_aliases() must follow.
bool restore_aliases(Node& root, const Override& override, const std::vector<PathAlias>& aliases);

/// The visitor that splices files and expands shorthands below one map.
class Preparer {
 public:
  Preparer(Node& node, Problems& problems) : node_(node), problems_(problems) {}

  template <class T>
  void field(const char* key, T& member, const char*, const Rule& = {});
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& = {}) {
    field(key, member, doc);
  }
  void spread(const char*, std::initializer_list<std::int64_t*>, const char*, const Rule& = {}) {}
  template <class E>
  void one_or_more(const char*, std::vector<E>&, const char*) {}
  template <class V, class... Ts>
  void variant(V&, Alternative<Ts>... alternatives) {
    const auto visit = [&](auto alternative) {
      typename decltype(alternative)::type value{};
      field(alternative.key, value, "");
    };
    (visit(alternatives), ...);
  }
  template <class T>
  void rest(std::map<std::string, T>&, const char*, const Rule& = {}) {}
  template <class F>
  void when(bool, const char*, F fields) {
    fields();
  }
  template <class F>
  void check(F) {}
  template <class T>
  void base() {
    join_base(node_, FileKind<T>::kFolder, problems_);
  }
  void shorthand(const char* key) {
    if (node_.kind != Node::Kind::kScalar) return;
    Node map;
    map.kind = Node::Kind::kMap;
    map.place = node_.place;
    map.root = node_.root;
    map.entries.push_back({key, node_.place, node_});
    node_ = std::move(map);
  }

 private:
  Node& node_;
  Problems& problems_;
};

/// Prepares the tree of a T: every file spliced in, every shorthand a map.
template <class T>
void prepare(Node& node, T& value, Problems& problems) {
  if (node.frozen) return;  // it is
  if constexpr (IsOptional<T>::value) {
    value.emplace();
    prepare(node, *value, problems);
  } else if constexpr (IsVector<T>::value) {
    for (Node& item : node.items) {
      typename T::value_type element{};
      prepare(item, element, problems);
    }
  } else if constexpr (!IsLeaf<T>::value) {
    if constexpr (kIsFileKind<T>)
      if (node.kind == Node::Kind::kScalar) splice_file(node, FileKind<T>::kFolder, problems);
    Preparer preparer(node, problems);
    describe(preparer, value);
  }
}

template <class T>
void Preparer::field(const char* key, T& member, const char*, const Rule&) {
  if (node_.kind != Node::Kind::kMap) return;
  if (Node* child = node_.find(key)) prepare(*child, member, problems_);
}

/// Whether one of the overrides behind the i-th reaches into what that one has set, or may.
bool is_reached_into(const std::vector<Override>& overrides, std::size_t i,
                     const std::vector<PathAlias>& aliases);

/// Applies overrides, in order, to a tree that load_document() has made.
template <class T>
void apply_overrides(Node& root, const std::vector<Override>& overrides, Problems& problems) {
  const auto prepare_all = [&] {
    T value{};
    prepare(root, value, problems);
  };
  bool is_prepared = true;
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    const bool is_restored = restore_aliases(root, overrides[i], path_aliases<T>());
    apply_override(root, overrides[i], path_aliases<T>(), problems);
    remove_rivals(root, overrides[i], rival_keys<T>());
    is_prepared = is_restored || is_reached_into(overrides, i, path_aliases<T>());
    if (is_prepared) prepare_all();
    if (!is_restored) continue;
    resolve_aliases(root, path_aliases<T>());
    prepare_all();  // the default files
  }
  if (!is_prepared) prepare_all();
}

/// The tree of a T with everything spliced in and all overrides applied.
template <class T>
Node load_document(Source source, const std::vector<Override>& overrides, Problems& problems) {
  if (kIsFileKind<T>) source.folder = FileKind<T>::kFolder;
  Node root = parse_source(source, problems);
  const auto prepare_all = [&] {
    T value{};
    prepare(root, value, problems);
  };
  prepare_all();
  resolve_aliases(root, path_aliases<T>());
  prepare_all();  // the default files
  apply_overrides<T>(root, overrides, problems);
  return root;
}

/// `expected ..., got "x"` with a suggestion where one of `names` is near.
std::string expected_got(const std::string& expected, const Node& node,
                         const std::vector<std::string>& names);

}  // namespace bitjoule
