// SCALE-Sim's topology (.csv) and hardware (.cfg) files.
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <sstream>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/import/import.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxTextBytes = 16 << 20;
constexpr std::size_t kMaxTopologyLayers = 1 << 16;

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\xef\xbb\xbf");  // and a byte order mark
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string text_of(const Blob& file) {
  if (file.size() > kMaxTextBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", file.name(), file.size()));
  return std::string(file.data(), file.data() + file.size());
}

std::int64_t to_integer(const std::string& text, const std::string& where) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    throw input_error(fmt::format("{}: expected a positive integer, got \"{}\"", where, text));
  return value;
}

/// The cells of a line; a trailing comma adds none.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) cells.push_back(trim(cell));
  while (!cells.empty() && cells.back().empty()) cells.pop_back();
  return cells;
}

// SCALE-Sim rounds the output size up: the last window may leave the image, by this padding.
std::int64_t overhang(std::int64_t size, std::int64_t kernel, std::int64_t stride) {
  return size < kernel ? 0 : (stride - (size - kernel) % stride) % stride;
}

/// name, ifmap height and width, filter height and width, channels, filters, stride[, stride].
Conv2d to_conv(const std::vector<std::string>& cells, const std::string& where) {
  const auto at = [&](std::size_t i) {
    return to_integer(cells[i], fmt::format("{}, column {}", where, i + 1));
  };
  Conv2d conv;
  conv.height = at(1);
  conv.width = at(2);
  conv.kernel_h = at(3);
  conv.kernel_w = at(4);
  conv.channels = at(5);
  conv.filters = at(6);
  conv.stride_h = at(7);
  conv.stride_w = cells.size() > 8 ? at(8) : conv.stride_h;
  conv.pad_bottom = overhang(conv.height, conv.kernel_h, conv.stride_h);
  conv.pad_right = overhang(conv.width, conv.kernel_w, conv.stride_w);
  return conv;
}

NetworkLayer to_layer(std::vector<std::string> cells, const std::string& where, bool& sparse) {
  NetworkLayer layer;
  layer.name = cells.front();
  if (layer.name.empty()) throw input_error(where + ", column 1: expected a name");
  const std::string ratio = cells.back().find(':') != std::string::npos ? cells.back() : "";
  if (!ratio.empty()) {
    sparse = sparse || ratio.substr(0, ratio.find(':')) != ratio.substr(ratio.find(':') + 1);
    cells.pop_back();
  }
  if (cells.size() == 4) {
    Gemm gemm;
    gemm.m = to_integer(cells[1], where + ", column 2");
    gemm.n = to_integer(cells[2], where + ", column 3");
    gemm.k = to_integer(cells[3], where + ", column 4");
    layer.op = gemm;
    layer.kind = "linear";
  } else if (cells.size() == 8 || cells.size() == 9) {
    layer.op = to_conv(cells, where);
    layer.kind = "conv";
  } else {
    throw input_error(
        fmt::format("{}: expected name, M, N, K or name and 7 sizes of a convolution, got {} cells",
                    where, cells.size()));
  }
  try {
    layer.parameters = layer_weights(layer);
  } catch (const Error& error) {
    throw input_error(fmt::format("{}: {}", where, error.what()));
  }
  return layer;
}

/// A name that is taken gets a number behind it.
std::string unique_name(const std::string& name, std::map<std::string, int>& taken) {
  const int times = ++taken[name];
  return times == 1 ? name : unique_name(fmt::format("{}_{}", name, times), taken);
}

}  // namespace

Imported import_scalesim_topology(const Blob& file, const ImportOptions&) {
  std::istringstream in(text_of(file));
  Network network;
  network.name = file.name();
  const std::size_t slash = network.name.find_last_of('/');
  if (slash != std::string::npos) network.name.erase(0, slash + 1);
  std::map<std::string, int> taken;
  bool sparse = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> cells = split(line);
    if (++number == 1 || cells.empty()) continue;  // the first line names the columns
    if (network.layers.size() == kMaxTopologyLayers)
      throw input_error(
          fmt::format("{}:{}: more than {} layers", file.name(), number, kMaxTopologyLayers));
    network.layers.push_back(to_layer(cells, fmt::format("{}:{}", file.name(), number), sparse));
    network.layers.back().name = unique_name(network.layers.back().name, taken);
  }
  if (network.layers.empty()) throw input_error(file.name() + ": no layers");
  Imported result;
  result.yaml = network_yaml(network);
  if (sparse) result.notes.push_back("the sparsity column is passed over: weights are dense");
  return result;
}

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
  result.yaml = json_text(to_json(machine));
  return result;
}

}  // namespace bitjoule
