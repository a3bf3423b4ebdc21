#include "sim/commands/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "run/run_check.h"
#include "sim/config/reader.h"
#include "sim/config/schema.h"
#include "sim/config/suggest.h"
#include "sim/schema/describe_network.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/metric_names.h"
#include "sim/sweep/sweep_file.h"

namespace bitjoule {
namespace {

template <class T>
boost::json::value check(const Source& source, const std::vector<Override>& overrides) {
  return to_json(read_document<T>(source, overrides));
}

/// A run is sound if everything that is done before a layer is simulated succeeds.
boost::json::value check_run(const Source& source, const std::vector<Override>& overrides) {
  const RunConfig run = read_run(source, overrides);
  try {
    check_ready(run);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}: {}", source.name, e.what()));
  }
  return to_json(run);
}

boost::json::object run_schema() { return schema_document<RunFile>("bitjoule run"); }
boost::json::object accelerator_schema() {
  return schema_document<AcceleratorFile>("bitjoule accelerator");
}
boost::json::object energy_schema() {
  return schema_document<EnergyTable>("bitjoule energy table");
}
boost::json::object dram_energy_schema() {
  return schema_document<DramPrices>("bitjoule DRAM prices");
}
boost::json::object sram_energy_schema() {
  return schema_document<SramPrices>("bitjoule SRAM prices");
}
boost::json::object area_schema() { return schema_document<AreaPrices>("bitjoule areas"); }
boost::json::object dram_schema() { return schema_document<DramConfig>("bitjoule DRAM"); }
boost::json::object dram_protocol_schema() {
  return schema_document<DramProtocol>("bitjoule DRAM protocol");
}
boost::json::value check_network_file(const Source& source,
                                      const std::vector<Override>& overrides) {
  return to_json(read_network(source, overrides));
}
boost::json::object network_schema() { return schema_document<NetworkFile>("bitjoule network"); }
boost::json::object layer_schema() { return schema_document<Layer>("bitjoule layer"); }

/// The keys that a schema allows at the top level.
std::vector<std::string> top_keys(const boost::json::object& schema) {
  std::vector<std::string> keys;
  for (const auto& row : schema.at("properties").as_object()) keys.emplace_back(row.key());
  return keys;
}

/// Whether a file below `folder` is of the kind of a folder within it (energy/dram).
bool belongs_deeper(const std::filesystem::path& file, const std::string& folder) {
  const std::string text = file.generic_string();
  return std::any_of(file_kinds().begin(), file_kinds().end(), [&](const FileKindRow& row) {
    return row.folder.size() > folder.size() && row.folder.rfind(folder, 0) == 0 &&
           text.find("/" + row.folder + "/") != std::string::npos;
  });
}

}  // namespace

const std::vector<FileKindRow>& file_kinds() {
  static const std::vector<FileKindRow> kRows = {
      {"run", "runs", "which machine does which layer in which numbers", check_run, run_schema},
      {"accelerator", "accelerators", "the machine", check<AcceleratorFile>, accelerator_schema},
      {"energy", "energy", "what each primitive costs", check<EnergyTable>, energy_schema},
      {"dram_energy", "energy/dram", "prices of DRAM alone", check<DramPrices>, dram_energy_schema},
      {"sram_energy", "energy/sram", "banks of SRAM alone", check<SramPrices>, sram_energy_schema},
      {"area", "energy/area", "areas alone", check<AreaPrices>, area_schema},
      {"dram", "dram", "the external memory", check<DramConfig>, dram_schema},
      {"dram_protocol", "dram/protocols", "commands of a DRAM and what they wait for",
       check<DramProtocol>, dram_protocol_schema},
      {"layer", "layers", "one layer with MACs", check<Layer>, layer_schema},
      {"network", "networks", "layers in the order they run", check_network_file, network_schema},
      {"sweep", "sweeps", "a run and the axes along which it varies", check_sweep, sweep_schema},
  };
  return kRows;
}

const FileKindRow& find_file_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const FileKindRow& row : file_kinds()) {
    if (row.name == name) return row;
    names.push_back(row.name);
  }
  throw input_error(fmt::format("kind of file: {}, got \"{}\"{}", expected_names(names), name,
                                suggestion(name, names)));
}

namespace {

constexpr int kMaxBases = 16;

const FileKindRow& guess(const Source& source, int depth) {
  if (!source.is_text && find_file(source.name, "", "").empty())
    for (const FileKindRow& row : file_kinds())
      if (!find_document(source.name, "", row.folder).empty()) return row;
  for (const FileKindRow& row : file_kinds())
    if (!source.is_text && is_foreign(find_document(source.name, "", row.folder), row.folder))
      return row;
  Problems problems;
  const Node root = parse_source(source, problems);
  problems.throw_if_any();
  const FileKindRow* best = nullptr;
  std::size_t most = 0;
  bool tied = false;
  for (const FileKindRow& row : file_kinds()) {
    std::size_t hits = 0;
    for (const std::string& key : top_keys(row.schema())) hits += root.find(key) != nullptr;
    if (hits == most) tied = true;
    if (hits > most) {
      tied = false;
      most = hits;
      best = &row;
    }
  }
  if (best == nullptr)
    throw input_error(fmt::format(
        "{}: no kind of configuration file has such keys; name one with --kind", source.name));
  // Several kinds may build on another file, which is of the same kind.
  const Node* base = root.find("base");
  if (!tied || base == nullptr || depth == kMaxBases) return *best;
  for (const FileKindRow& row : file_kinds()) {
    const std::string path = find_file(base->text, source.name, row.folder);
    if (!path.empty()) return guess(file_source(path), depth + 1);
  }
  return *best;
}

}  // namespace

const FileKindRow& guess_file_kind(const Source& source) { return guess(source, 0); }

std::vector<std::string> shipped_files(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code error;
  const fs::path root(configs_dir());
  if (!fs::is_directory(root / folder, error))
    throw input_error(fmt::format(
        "{}: expected a folder {} of shipped files{}", root.string(), folder,
        std::getenv("BITJOULE_CONFIGS") == nullptr ? ""
                                                   : "; BITJOULE_CONFIGS names the directory"));
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder, error))
    if (entry.path().extension() == ".yaml" && !belongs_deeper(entry.path(), folder))
      files.push_back(entry.path().lexically_relative(root).generic_string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace bitjoule
