// What commands are given: files, standard input, and files of another kind than was meant.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/commands/kinds.h"
#include "sim/config/json_text.h"
#include "sim/output/text_file.h"
#include "sim/sweep/store.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxInputBytes = 64 << 20;

std::string read_standard_input() {
  std::string text;
  std::array<char, 1 << 16> part{};
  while (std::cin.read(part.data(), part.size()) || std::cin.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > kMaxInputBytes)
      throw input_error(fmt::format(
          "standard input: longer than {} bytes, of which no more are read", kMaxInputBytes));
  }
  return text;
}

/// It can be read once; a command may ask more than once.
const std::string& standard_input() {
  static const std::string kText = read_standard_input();
  return kText;
}

/// What a file of a kind is called, and what is done with it.
struct KindUse {
  const char* kind;
  const char* name;
  const char* use;  ///< {} stands for the file
};

constexpr KindUse kUses[] = {
    {"run", "a run", "sim run {}"},
    {"accelerator", "an accelerator", "a run on it: sim run quickstart.yaml --set accelerator={}"},
    {"energy", "an energy table", "a run priced by it: sim run quickstart.yaml --set energy={}"},
    {"dram_energy", "a price list of DRAM",
     "a run priced by it: sim run quickstart.yaml --set energy.dram={}"},
    {"sram_energy", "a price list of SRAM",
     "a run priced by it: sim run quickstart.yaml --set energy.sram={}"},
    {"area", "a list of areas", "a run with it: sim run quickstart.yaml --set energy.area={}"},
    {"dram", "a DRAM", "a run on it: sim run quickstart.yaml --set dram={}"},
    {"dram_protocol", "the protocol of DRAMs",
     "it is named by the files that `sim list dram` names"},
    {"layer", "a layer", "a run of it: sim run quickstart.yaml --set layer={}"},
    {"network", "a network", "a run of it: sim run resnet50.yaml --network {}"},
    {"sweep", "a sweep", "sim sweep {} -o DIR"},
};

const KindUse& use_of(const std::string& kind) {
  for (const KindUse& use : kUses)
    if (kind == use.kind) return use;
  throw internal_error("no use of files of kind " + kind);
}

/// Whether a path is that of a result of `sim run` or `sim sweep`: "run", "sweep" or neither, "".
/// It may be the directory of one.
std::string result_kind(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::string file = path;
  if (fs::is_directory(path, error))
    file += fs::exists(path + "/results.json", error) ? "/results.json" : "/result.json";
  boost::system::error_code not_json;
  const boost::json::value value = parse_json(read_text_file(file), not_json);
  const boost::json::object* object = value.if_object();
  if (object == nullptr || !object->contains("schema_version")) return "";
  if (object->contains("points_in_sweep")) return "sweep";
  return object->contains("config_hash") ? "run" : "";
}

/// How many keys of the file's top level files of a kind may have.
std::size_t known_keys(Source source, const FileKindRow& kind) {
  Problems problems;
  source.folder = guess_file_kind(source).folder;
  const Node root = parse_source(source, problems);
  const boost::json::object schema = kind.schema();
  const boost::json::object& properties = schema.at("properties").as_object();
  return static_cast<std::size_t>(
      std::count_if(root.entries.begin(), root.entries.end(),
                    [&](const NodeEntry& entry) { return properties.contains(entry.key); }));
}

}  // namespace

Source given_source(const std::string& file) {
  return file == "-" ? text_source("standard input", standard_input()) : file_source(file);
}

std::optional<Error> other_kind(const Source& source, const std::string& kind) {
  try {
    const std::string result = source.is_text ? "" : result_kind(source.name);
    if (!result.empty())
      return input_error(fmt::format("{0}: that is the result of a {1}, not {2}; sim report {0}",
                                     source.name, result, use_of(kind).name));
    const FileKindRow &guessed = guess_file_kind(source), &wanted = find_file_kind(kind);
    if (known_keys(source, guessed) <= known_keys(source, wanted)) return std::nullopt;
    const KindUse &is = use_of(guessed.name), &meant = use_of(kind);
    return input_error(
        fmt::format("{}: that is {}, not {}; {}", source.name, is.name, meant.name,
                    fmt::format(fmt::runtime(is.use), source.is_text ? "FILE" : source.name)));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    return std::nullopt;  // no YAML, or of no kind
  }
}

std::optional<Error> no_result(const std::string& path) {
  try {
    if (!result_kind(path).empty()) return std::nullopt;
    const FileKindRow& guessed = guess_file_kind(file_source(path));
    const KindUse& is = use_of(guessed.name);
    std::string use = fmt::format(fmt::runtime(is.use), path);
    if (guessed.name == "run") use += " -o DIR";
    return input_error(fmt::format("{}: that is {}, not a result; {}", path, is.name, use));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    return std::nullopt;  // no YAML, or of no kind
  }
}

}  // namespace bitjoule
