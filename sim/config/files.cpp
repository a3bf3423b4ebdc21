#include "sim/config/files.h"

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

}  // namespace

void observe_files(std::function<void(const std::string& path)> sink) {
  file_sink() = std::move(sink);
}

std::string configs_dir() {
  const char* dir = std::getenv("BITJOULE_CONFIGS");
  if (dir == nullptr || *dir == '\0') {
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

std::string shipped_file(const std::string& name) {
  return own_file(fmt::format("{}/{}", BITJOULE_DATA, name));
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
  std::map<std::string, File> files;
};

ParsedFiles& parsed_files() {
  static ParsedFiles files;
  return files;
}

Node parse_file(const std::string& text, const std::string& path, Problems& problems) {
  constexpr std::size_t kMostFiles = 256, kMostBytes = 64 << 10;
  ParsedFiles& parsed = parsed_files();
  if (text.size() > kMostBytes) return parse_yaml(text, path, problems);
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

/// By folder.
std::map<std::string, ForeignFiles>& foreign_files() {
  static std::map<std::string, ForeignFiles> files;
  return files;
}

Node read_foreign(const std::string& path, const std::string& folder) {
  if (file_sink()) file_sink()(path);
  return foreign_files().at(folder).read(path);
}

}  // namespace

void accept_foreign_files(const std::string& folder, ForeignFiles files) {
  foreign_files()[folder] = std::move(files);
}

bool is_foreign(const std::string& path, const std::string& folder) {
  const auto files = foreign_files().find(folder);
  return files != foreign_files().end() && !path.empty() && files->second.includes(path);
}

std::string find_document(const std::string& name, const std::string& naming,
                          const std::string& folder) {
  std::string path = find_file(name, naming, folder);
  const auto files = foreign_files().find(folder);
  if (!path.empty() || files == foreign_files().end()) return path;
  return find_file(name + "/" + files->second.in_directory, naming, folder);
}

Node parse_source(const Source& source, Problems& problems) {
  if (source.node) return *source.node;
  if (source.is_text) return parse_yaml(source.text, source.name, problems);
  const std::string path = find_document(source.name, "", source.folder);
  if (is_foreign(path, source.folder)) return read_foreign(path, source.folder);
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
  const std::string path = find_document(node.text, naming, folder);
  if (path.empty()) {
    const std::string other = found_instead(node.text, naming, folder);
    problems.add(
        node.place, node.alias,
        !other.empty()
            ? other
            : fmt::format("no such file {} (looked beside the naming file, in {} and in its "
                          "folder {}){}",
                          node.shown(), configs_dir(), folder, file_suggestion(node.text, folder)));
    node.kind = Node::Kind::kBroken;
    return;
  }
  const Place place = node.place;
  std::string text, failure;
  try {
    if (is_foreign(path, folder)) {
      node = read_foreign(path, folder);
    } else if (failure = read_text(path, text); failure.empty()) {
      node = parse_file(text, path, problems);
    } else {
      failure = fmt::format("{} {}", path, failure);
    }
  } catch (const Error& e) {  // of a foreign file
    if (e.kind() != ErrorKind::kInput) throw;
    failure = e.what();
  }
  if (failure.empty()) {
    if (is_option) node.named = place;
    return;
  }
  problems.add(node.place, node.alias, failure);
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

}  // namespace bitjoule
