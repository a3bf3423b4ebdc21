#include "sim/config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <system_error>
#include <tuple>

#include "core/error.h"
#include "sim/config/observe.h"
#include "sim/config/parsed_files.h"
#include "sim/config/suggest.h"
#include "sim/system/places.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxFileBytes = 64 << 20;

/// `, did you mean "hbm2-2000.yaml"?` of a name that is no file: a shipped file that has this name
/// or goes on where it ends, those of `folder` before others and short ones before long ones, else
/// the nearest; "" where none is near.
std::string file_suggestion(const std::string& name, const std::string& folder) {
  const std::string file_name = fs::path(name).filename().string();
  const std::string stem = file_name.substr(0, file_name.rfind(".yaml"));
  std::vector<std::string> stems;
  std::map<std::tuple<int, std::size_t, std::string>, std::string> alike;  // the best first
  std::map<std::string, std::string> shown;                                // by stem
  std::error_code error;
  const fs::path root(configs_dir());
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root, error)) {
    const fs::path path = entry.path().lexically_relative(root);
    if (path.extension() != ".yaml") continue;
    const bool is_own = !folder.empty() && path.parent_path() == folder;
    const std::string full = is_own ? path.filename().string() : path.generic_string();
    const std::string own_stem = path.stem().string();
    stems.push_back(own_stem);
    std::string& known = shown[own_stem];
    if (known.empty() || is_own || (full < known && known.find('/') != std::string::npos))
      known = full;
    if (!stem.empty() && own_stem.rfind(stem, 0) == 0)
      alike[{(is_own ? 0 : 2) + (own_stem == stem ? 0 : 1), full.size(), full}] = full;
  }
  std::sort(stems.begin(), stems.end());
  const std::string near = alike.empty() ? shown[nearest_name(stem, stems)] : alike.begin()->second;
  return near.empty() ? "" : ", did you mean \"" + near + "\"?";
}

Node broken(const std::string& name) {
  Node node;
  node.kind = Node::Kind::kBroken;
  node.root = true;
  node.place = {std::make_shared<const std::string>(name), 0, 0};
  return node;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::function<void(const std::string&)>& file_sink() {
  static std::function<void(const std::string&)> sink;
  return sink;
}

/// The text of a file, or why it cannot be had.
std::string read_text(const std::string& path, std::string& text) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return "cannot be read: " + error.message();
  if (size > kMaxFileBytes)
    return fmt::format("is {} bytes long, at most {} are read", size, kMaxFileBytes);
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  if (!in || !(all << in.rdbuf())) {
    if (size != 0) return "cannot be read";
  }
  text = all.str();
  if (file_sink()) file_sink()(path);
  return "";
}

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

void observe_files(std::function<void(const std::string& path)> sink) {
  file_sink() = std::move(sink);
}

namespace {

std::string& installed_configs() {
  static std::string directory;
  return directory;
}

}  // namespace

void set_installed_configs(const std::string& directory) { installed_configs() = directory; }

std::string configs_dir() {
  const char* dir = std::getenv("BITJOULE_CONFIGS");
  if (dir == nullptr || *dir == '\0') {
    if (!installed_configs().empty()) return installed_configs();
    static const std::string own = own_file(BITJOULE_DATA "/configs");
    if (own.empty())
      throw input_error(fmt::format(
          "the shipped files: no {} at or above {}; BITJOULE_CONFIGS names their directory",
          BITJOULE_DATA "/configs", own_directory()));
    return own;
  }
  if (std::error_code error; !fs::is_directory(dir, error))
    throw input_error(fmt::format(
        "BITJOULE_CONFIGS: expected the directory of the shipped files, got \"{}\"", dir));
  return dir;
}

std::string why_no_file(const std::string& name) {
  std::error_code error;
  const fs::file_status status = fs::status(name, error);
  if (fs::is_regular_file(status)) return "";
  if (fs::is_directory(status)) return "is a directory";
  return fs::exists(status) ? "is not a regular file" : "no such file";
}

namespace {

/// Trees of files by path, with the texts that they were parsed from.
struct ParsedFiles {
  struct File {
    std::string text;
    Node node;
  };
  std::mutex mutex;
  bool are_kept = false;
  std::map<std::string, File> files;
};

ParsedFiles& parsed_files() {
  static ParsedFiles files;
  return files;
}

Node parse_file(const std::string& text, const std::string& path, Problems& problems) {
  constexpr std::size_t kMostFiles = 256, kMostBytes = 64 << 10;
  ParsedFiles& parsed = parsed_files();
  if (!parsed.are_kept || text.size() > kMostBytes) return parse_yaml(text, path, problems);
  const std::lock_guard<std::mutex> lock(parsed.mutex);
  const auto known = parsed.files.find(path);
  if (known != parsed.files.end() && known->second.text == text) return known->second.node;
  const std::size_t before = problems.count();
  Node node = parse_yaml(text, path, problems);
  if (problems.count() != before) return node;
  if (parsed.files.size() == kMostFiles) parsed.files.clear();
  parsed.files[path] = {text, node};
  return node;
}

}  // namespace

void keep_parsed_files() { parsed_files().are_kept = true; }

Node parse_source(const Source& source, Problems& problems) {
  if (source.node) return *source.node;
  if (source.is_text) return parse_yaml(source.text, source.name, problems);
  const std::string path = find_file(source.name, "", source.folder);
  std::string text;
  const std::string failure = path.empty() ? why_no_file(source.name) : read_text(path, text);
  if (failure.empty()) return parse_file(text, path, problems);
  Node node = broken(source.name);
  std::error_code error;
  problems.add(node.place, "",
               path.empty() && fs::status(source.name, error).type() == fs::file_type::not_found
                   ? failure + file_suggestion(source.name, source.folder)
                   : failure);
  return node;
}

std::string find_file(const std::string& name, const std::string& naming,
                      const std::string& folder) {
  const fs::path path(name);
  if (path.is_absolute()) return is_file(path) ? name : "";
  const fs::path beside = fs::path(naming).parent_path() / path;
  if (is_file(beside)) return beside.lexically_normal().string();
  std::vector<fs::path> places = {fs::path(configs_dir()) / path};
  if (!folder.empty()) places.push_back(fs::path(configs_dir()) / folder / path);
  for (const fs::path& place : places)
    if (is_file(place)) return place.lexically_normal().string();
  return "";
}

namespace {

/// A place where find_file() looks and where something else than a file stands, and what; or
/// nothing.
std::string found_instead(const std::string& name, const std::string& naming,
                          const std::string& folder) {
  const fs::path path(name);
  for (const fs::path& place : {fs::path(naming).parent_path() / path, configs_dir() / path,
                                fs::path(configs_dir()) / folder / path}) {
    std::error_code error;
    if (fs::exists(place, error)) return place.string() + " " + why_no_file(place.string());
  }
  return "";
}

}  // namespace

void splice_file(Node& node, const std::string& folder, Problems& problems) {
  const bool is_option = node.place.line == 0;
  const std::string naming = node.place.origin && !is_option ? *node.place.origin : "";
  const std::string path = find_file(node.text, naming, folder);
  if (path.empty()) {
    const std::string other = found_instead(node.text, naming, folder);
    problems.add(
        node.place, node.alias,
        !other.empty()
            ? other
            : fmt::format("no such file \"{}\" (looked beside the naming file, in {} and in its "
                          "folder {}){}",
                          node.text, configs_dir(), folder, file_suggestion(node.text, folder)));
    node.kind = Node::Kind::kBroken;
    return;
  }
  std::string text;
  const std::string failure = read_text(path, text);
  if (failure.empty()) {
    node = parse_file(text, path, problems);
    return;
  }
  problems.add(node.place, node.alias, fmt::format("{} {}", path, failure));
  node.kind = Node::Kind::kBroken;
}

namespace {

/// Puts into `map` what it lacks of `base`; its own values stay.
void join(Node& map, Node&& base) {
  for (NodeEntry& entry : base.entries) {
    Node* own = map.find(entry.key);
    if (own == nullptr)
      map.entries.push_back(std::move(entry));
    else if (own->kind == Node::Kind::kMap && entry.value.kind == Node::Kind::kMap)
      join(*own, std::move(entry.value));
  }
}

}  // namespace

void join_base(Node& map, const std::string& folder, Problems& problems) {
  std::vector<std::string> joined;
  while (map.kind == Node::Kind::kMap && map.find("base") != nullptr) {
    Node base = *map.find("base");
    map.entries.erase(std::find_if(map.entries.begin(), map.entries.end(),
                                   [](const NodeEntry& e) { return e.key == "base"; }));
    const Place place = base.place;
    if (base.kind != Node::Kind::kScalar) {
      problems.add(place, "base", "expected a file name, got " + base.shown());
      return;
    }
    splice_file(base, folder, problems);
    if (base.kind == Node::Kind::kBroken) return;
    const std::string path = *base.place.origin;
    if (std::find(joined.begin(), joined.end(), path) != joined.end()) {
      problems.add(place, "base", path + " is its own base");
      return;
    }
    joined.push_back(path);
    if (base.kind == Node::Kind::kMap) join(map, std::move(base));
  }
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

std::string expected_got(const std::string& expected, const Node& node,
                         const std::vector<std::string>& names) {
  const std::string near =
      node.kind == Node::Kind::kScalar ? suggestion(node.text, names) : std::string();
  return fmt::format("{}, got {}{}", expected, node.shown(), near);
}

}  // namespace bitjoule
