// SCALE-Sim's hardware files (.cfg).
#include <fmt/format.h>

#include <cctype>
#include <sstream>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/import/import.h"
#include "sim/import/scalesim_text.h"
#include "sim/schema/describe_run.h"

namespace bitjoule {

using scalesim::text_of;
using scalesim::to_integer;
using scalesim::trim;

namespace {

/// Sections and keys in lower case, as Python's configparser reads them.
std::map<std::string, std::string> parse_ini(const Blob& file) {
  std::map<std::string, std::string> values;
  std::istringstream in(text_of(file));
  std::string section;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    for (char& c : line) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (line.front() == '[' && line.back() == ']') {
      section = trim(line.substr(1, line.size() - 2));
      continue;
    }
    const std::size_t split_at = line.find_first_of(":=");
    if (split_at == std::string::npos || section.empty())
      throw input_error(
          fmt::format("{}:{}: expected [section] or key: value", file.name(), number));
    values[section + "." + trim(line.substr(0, split_at))] = trim(line.substr(split_at + 1));
  }
  return values;
}

}  // namespace

Imported import_scalesim_config(const Blob& file, const ImportOptions&) {
  const std::map<std::string, std::string> ini = parse_ini(file);
  const auto find = [&](const std::string& key, bool needed) {
    const auto found = ini.find("architecture_presets." + key);
    if (found != ini.end()) return found->second;
    if (needed)
      throw input_error(fmt::format("{}: [architecture_presets] {} is missing", file.name(), key));
    return std::string();
  };
  std::vector<Override> overrides;
  const auto put = [&](const char* path, const std::string& text) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = text;
    node.place.origin = std::make_shared<const std::string>(file.name());  // for errors
    overrides.push_back({path, "", std::make_shared<const Node>(std::move(node))});
  };
  const auto set = [&](const char* path, const std::string& key, const std::string& unit) {
    const std::string value = find(key, true);
    to_integer(value, fmt::format("{}: {}", file.name(), key));
    put(path, value + unit);
  };
  set("array.rows", "arrayheight", "");
  set("array.cols", "arraywidth", "");
  // A kB of SCALE-Sim is 1024 elements; here an element is a byte.
  set("buffers.input.capacity", "ifmapsramszkb", " KiB");
  set("buffers.weight.capacity", "filtersramszkb", " KiB");
  set("buffers.output.capacity", "ofmapsramszkb", " KiB");
  put("array.dataflow", find("dataflow", true));

  Imported result;
  const auto interface = ini.find("run_presets.interfacebandwidth");
  if (interface != ini.end() && interface->second == "user") {
    const std::int64_t words = to_integer(find("bandwidth", true), file.name() + ": bandwidth");
    put("dram.bandwidth", fmt::format("{} GB/s", words));
    result.notes.push_back("bandwidth: elements per cycle taken as bytes at 1 GHz");
  }
  const auto name = ini.find("general.run_name");
  AcceleratorFile machine = read_document<AcceleratorFile>(
      file_source(configs_dir() + "/accelerators/scalesim.yaml"), overrides);
  machine.machine.name = name == ini.end() ? "scalesim" : name->second;
  result.what = std::move(machine);
  return result;
}

}  // namespace bitjoule
