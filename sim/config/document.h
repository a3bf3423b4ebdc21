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
#include <string>
#include <utility>
#include <vector>

#include "sim/config/describe.h"
#include "sim/config/files.h"
#include "sim/config/node.h"
#include "sim/config/overrides.h"

namespace bitjoule {

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
  } else if constexpr (IsShared<T>::value) {
    prepare(node, value.edit(), problems);
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

}  // namespace bitjoule
