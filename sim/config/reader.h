// The strict reader: a described struct from YAML files and --set options.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"
#include "sim/config/describe.h"
#include "sim/config/document.h"
#include "sim/config/node.h"
#include "sim/config/suggest.h"

namespace bitjoule {

template <class T>
void read_value(const Node& node, const std::string& path, T& out, const Rule& rule,
                Problems& problems);

/// The visitor that fills a struct from one map.
class Reader {
 public:
  Reader(const Node& map, std::string path, Problems& problems)
      : map_(map), path_(std::move(path)), problems_(problems) {}

  template <class T>
  void field(const char* key, T& member, const char*, const Rule& rule = {}) {
    if (const Node* node = take(key)) read_value(*node, join(key), member, rule, problems_);
  }
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    field(key, member, doc, rule);
    if (active_ && map_.find(key) == nullptr) problem(map_.place, join(key), "missing");
  }
  void spread(const char* key, std::initializer_list<std::int64_t*> members, const char*,
              const Rule& rule = {});

  template <class E>
  void one_or_more(const char* key, std::vector<E>& members, const char*) {
    const Node* node = take(key);
    if (node == nullptr || node->kind == Node::Kind::kBroken) return;
    const std::size_t before = problems_.count();
    std::vector<E> values(1);
    if (node->kind == Node::Kind::kList)
      read_value(*node, join(key), values, {}, problems_);
    else
      read_value(*node, join(key), values.front(), {}, problems_);
    if (problems_.count() != before) return;
    if (values.empty() || std::set<E>(values.begin(), values.end()).size() != values.size())
      return problem(node->place, path_of(*node, key),
                     "expected one value, or a list of different ones");
    members = std::move(values);
  }
  template <class V, class... Ts>
  void variant(V& member, Alternative<Ts>... alternatives) {
    std::vector<std::string> given, all;
    const auto note = [&](const char* key) {
      all.emplace_back(key);
      if (map_.find(key) != nullptr) given.emplace_back(key);
    };
    (note(alternatives.key), ...);
    if (given.size() != 1) problem_of_choice(given, all);
    (read_alternative(member, alternatives, given.size() == 1), ...);
  }

  template <class T>
  void rest(std::map<std::string, T>& member, const char*, const Rule& rule = {}) {
    const std::vector<std::string> named = known_;
    for (const NodeEntry& entry : map_.entries)
      if (std::find(named.begin(), named.end(), entry.key) == named.end())
        field(entry.key.c_str(), member[entry.key], "", rule);
  }

  template <class F>
  void when(bool active, const char* condition, F fields) {
    const bool outer = active_;
    active_ = active_ && active;
    condition_ = condition;
    fields();
    active_ = outer;
  }

  template <class T>
  void base() {}
  void shorthand(const char*) {}  // prepare() has dealt with both already

  template <class F>
  void check(F test) {
    if (!active_ || has_broken_ || problems_.count() != before_) return;
    try {
      test();
    } catch (const Error& e) {
      problem_of_check(e.what());
    }
  }

  /// Reports the keys that nothing asked for.
  void finish();

 private:
  const Node* take(const char* key);
  std::string join(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  std::string path_of(const Node& node, const char* key) const {
    return node.root ? node.alias : join(key);
  }
  void problem(const Place& place, const std::string& path, const std::string& message);
  void problem_of_choice(const std::vector<std::string>& given,
                         const std::vector<std::string>& all);
  void problem_of_check(const std::string& message);

  template <class V, class T>
  void read_alternative(V& member, const Alternative<T>& alternative, bool is_chosen) {
    const Node* node = take(alternative.key);
    if (node == nullptr) return;
    T value;
    read_value(*node, join(alternative.key), value, {}, problems_);
    if (is_chosen) member = std::move(value);
  }

  const Node& map_;
  std::string path_;
  Problems& problems_;
  std::size_t before_ = problems_.count();  // to see whether this map has problems
  std::vector<std::string> known_;
  bool has_broken_ = false;  // a file below could not be read
  bool active_ = true;
  const char* condition_ = "";
};

/// The same address for equal types.
template <class T>
const void* type_mark() {
  static const char kMark = 0;
  return &kMark;
}

/// Reads one value; `path` names it within its file.
template <class T>
void read_value(const Node& node, const std::string& path, T& out, const Rule& rule,
                Problems& problems) {
  if (node.kind == Node::Kind::kBroken) return;
  const std::string here = node.root ? node.alias : path;
  const auto refuse = [&](const std::string& expected) {
    problems.add(node.place, here, expected_got(expected, node, rule.choices));
  };
  if constexpr (IsOptional<T>::value) {
    if (node.kind == Node::Kind::kNull) {
      out.reset();
    } else {
      out.emplace();
      read_value(node, path, *out, rule, problems);
    }
  } else if constexpr (IsShared<T>::value) {
    if (node.frozen && node.frozen->type == type_mark<T>())
      out = *static_cast<const T*>(node.frozen->value.get());
    else
      read_value(node, path, out.edit(), rule, problems);
  } else if constexpr (IsLeaf<T>::value) {
    const std::string expected = leaf::read(node, out, rule);
    if constexpr (std::is_enum_v<T>) {
      if (!expected.empty())
        problems.add(node.place, here, expected_got(expected, node, leaf::names<T>()));
    } else {
      if (!expected.empty()) refuse(expected);
    }
  } else if constexpr (IsVector<T>::value) {
    if (node.kind != Node::Kind::kList) return refuse("expected a list");
    out.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      out.emplace_back();
      read_value(node.items[i], fmt::format("{}[{}]", here, i), out.back(), rule, problems);
    }
  } else {
    if (node.kind != Node::Kind::kMap)
      return refuse(kIsFileKind<T> ? "expected a file name or a map" : "expected a map");
    Reader reader(node.frozen ? node.frozen->map : node, here, problems);
    describe(reader, out);
    reader.finish();
  }
}

/// Freezes a map, prepared, that means a T, which is Shared, without problems: its copies cost
/// little, and all that is read from them is one T. Whoever changes a part of it thaws it
/// (Node::find).
template <class T>
void freeze(Node& node) {
  if (node.kind != Node::Kind::kMap || node.frozen) return;
  Problems problems;
  auto value = std::make_shared<T>();
  read_value(node, "", *value, {}, problems);
  if (!problems.empty()) return;
  auto frozen = std::make_shared<Frozen>();
  frozen->map = node;
  frozen->type = type_mark<T>();
  frozen->value = std::move(value);
  node.entries.clear();
  node.frozen = std::move(frozen);
}

/// Loads a file, the files it names and the overrides, and reads a T: see document.h for the order.
/// Throws one input Error with a line for every problem found in all of them.
template <class T>
T read_document(const Source& source, const std::vector<Override>& overrides = {}) {
  Problems problems;
  const Node root = load_document<T>(source, overrides, problems);
  T result;
  read_value(root, "", result, {}, problems);
  problems.throw_if_any();
  return result;
}

}  // namespace bitjoule
