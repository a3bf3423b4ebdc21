#include "sim/config/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace bitjoule {
namespace {

Place place_of(const Override& override) {
  if (override.node) return override.node->place;
  return {std::make_shared<const std::string>("--set " + override.path), 0, 0};
}

/// A new map or leaf at `path` that an override brings; errors within it name the override.
Node node_of_override(const Override& override, Node::Kind kind, const std::string& path) {
  Node node;
  node.kind = kind;
  node.root = true;
  node.place = place_of(override);
  if (override.node) node.alias = path;  // an option's place names it already
  return node;
}

/// The value's nodes all stand at "--set a.b.c".
void set_place(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) set_place(item, place);
  for (NodeEntry& entry : node.entries) {
    entry.place = place;
    set_place(entry.value, place);
  }
}

void erase_keys(Node& map, const std::vector<std::string>& keys) {
  const auto is_one = [&](const NodeEntry& entry) {
    return std::find(keys.begin(), keys.end(), entry.key) != keys.end();
  };
  map.entries.erase(std::remove_if(map.entries.begin(), map.entries.end(), is_one),
                    map.entries.end());
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> keys;
  std::size_t start = 0;
  for (std::size_t dot; (dot = path.find('.', start)) != std::string::npos; start = dot + 1)
    keys.push_back(path.substr(start, dot - start));
  keys.push_back(path.substr(start));
  return keys;
}

/// The child `key` of the map or list at `path`, created in a map where it is missing; nullptr
/// otherwise.
Node* descend(Node& node, const std::string& path, const std::string& key,
              const Override& override) {
  if (node.kind == Node::Kind::kList) {
    for (std::size_t i = 0; i < node.items.size(); ++i)
      if (key == std::to_string(i)) return &node.items[i];
    return nullptr;
  }
  if (node.kind == Node::Kind::kNull) {
    const bool was_root = node.root;
    node = node_of_override(override, Node::Kind::kMap, path);
    node.root = node.root || was_root;
  }
  if (node.kind != Node::Kind::kMap) return nullptr;
  if (Node* child = node.find(key)) return child;
  Node created =
      node_of_override(override, Node::Kind::kNull, path.empty() ? key : path + "." + key);
  node.entries.push_back({key, created.place, std::move(created)});
  return &node.entries.back().value;
}

}  // namespace

Override parse_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw input_error(fmt::format("--set {}: expected a.b.c=value", text));
  Override result{text.substr(0, equals), text.substr(equals + 1)};
  check_override_path(result.path, "--set " + text);
  return result;
}

void check_override_path(const std::string& path, const std::string& what) {
  for (const std::string& key : split_path(path))
    if (key.empty()) throw input_error(fmt::format("{}: empty key in the path \"{}\"", what, path));
}

void resolve_aliases(Node& root, const std::vector<PathAlias>& aliases) {
  for (const PathAlias& alias : aliases) {
    Node* parent = root.find(alias.parent);
    if (parent == nullptr || parent->kind != Node::Kind::kMap) continue;
    const auto has_key = [&](const NodeEntry& entry) { return entry.key == alias.key; };
    const auto own = std::find_if(root.entries.begin(), root.entries.end(), has_key);
    NodeEntry entry;
    if (own != root.entries.end()) {
      if (!alias.rival.empty() && root.find(alias.rival) != nullptr) continue;  // both: refused
      entry = std::move(*own);
      entry.from_root = true;
      root.entries.erase(own);
      parent = root.find(alias.parent);  // erasing has moved it
      if (!entry.value.root) entry.value.alias = alias.key;
      entry.value.root = true;
    } else if (parent->find(alias.key) == nullptr && !alias.default_file.empty()) {
      entry.key = alias.key;
      entry.value.kind = Node::Kind::kScalar;
      entry.value.text = alias.default_file;
      entry.value.place = {std::make_shared<const std::string>("default " + alias.key), 0, 0};
      entry.place = entry.value.place;
    } else {
      continue;
    }
    auto& entries = parent->entries;
    entries.erase(std::remove_if(entries.begin(), entries.end(), has_key), entries.end());
    entries.push_back(std::move(entry));
  }
}

bool restore_aliases(Node& root, const Override& override, const std::vector<PathAlias>& aliases) {
  bool is_target = false;
  for (const PathAlias& alias : aliases) {
    if (override.path != alias.parent) continue;
    is_target = true;
    if (!alias.stays || (!alias.rival.empty() && root.find(alias.rival) != nullptr)) continue;
    Node* target = root.find(alias.parent);
    if (target == nullptr) continue;
    const auto moved = std::find_if(
        target->entries.begin(), target->entries.end(),
        [&](const NodeEntry& entry) { return entry.key == alias.key && entry.from_root; });
    if (moved == target->entries.end()) continue;
    NodeEntry entry = std::move(*moved);
    target->entries.erase(moved);
    root.entries.push_back(std::move(entry));
  }
  return is_target;
}

void apply_override(Node& root, const Override& override, const std::vector<PathAlias>& aliases,
                    Problems& problems) {
  if (root.kind == Node::Kind::kBroken) return;
  const Place place = place_of(override);
  Node value = override.node ? *override.node : parse_yaml(override.value, *place.origin, problems);
  if (value.kind == Node::Kind::kBroken) return;
  if (!override.node) set_place(value, place);
  Node* node = &root;
  std::string walked;
  std::vector<std::string> keys = split_path(override.path);
  bool is_alias = false;
  for (const PathAlias& alias : aliases) {
    if (keys.front() != alias.key) continue;
    if (!alias.rival.empty()) erase_keys(root, {alias.rival, alias.key});
    keys.insert(keys.begin(), alias.parent);
    is_alias = true;
  }
  for (const std::string& key : keys) {
    Node* next = descend(*node, walked, key, override);
    if (next == nullptr) {
      if (node->kind != Node::Kind::kBroken)
        problems.add(place, override.node ? override.path : "",
                     fmt::format("{} is {} without a \"{}\"", walked.empty() ? "the root" : walked,
                                 node->shown(), key));
      return;
    }
    node = next;
    walked += (walked.empty() ? "" : ".") + key;
  }
  value.root = true;
  if (override.node) value.alias = override.path;
  *node = std::move(value);
  if (!is_alias || keys.size() > 2) return;
  for (NodeEntry& entry : root.find(keys[0])->entries)
    if (entry.key == keys[1]) entry.from_root = true;
}

bool is_reached_into(const std::vector<Override>& overrides, std::size_t i,
                     const std::vector<PathAlias>& aliases) {
  const auto full_path = [&](const Override& override) {
    const std::string first = override.path.substr(0, override.path.find('.'));
    for (const PathAlias& alias : aliases)
      if (alias.key == first) return alias.parent + "." + override.path;
    return override.path;
  };
  const std::string path = full_path(overrides[i]);
  const std::size_t last = path.rfind('.');
  if (path.substr(last == std::string::npos ? 0 : last + 1) == "base") return true;
  return std::any_of(
      overrides.begin() + static_cast<std::ptrdiff_t>(i) + 1, overrides.end(),
      [&](const Override& later) { return full_path(later).rfind(path + ".", 0) == 0; });
}

void remove_rivals(Node& root, const Override& override, std::vector<std::string> rivals) {
  const auto own = std::find(rivals.begin(), rivals.end(), override.path);
  if (own == rivals.end()) return;
  rivals.erase(own);
  erase_keys(root, rivals);
}

}  // namespace bitjoule
