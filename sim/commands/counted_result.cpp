#include "sim/commands/counted_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/commands/command.h"
#include "sim/config/json_node.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/describe_dram.h"
#include "sim/schema/describe_energy.h"
#include "sim/sweep/compare.h"

namespace bitjoule {
namespace {

/// Reads one key of a result; others do not matter here.
template <class T>
void read_key(const boost::json::object& part, const char* key, const std::string& path,
              const Place& file, T& out, Problems& problems) {
  const boost::json::value* value = part.if_contains(key);
  const std::string here = path.empty() ? key : path + "." + key;
  if (value != nullptr) read_value(node_at(file, *value), here, out, {}, problems);
}

/// A layer lists how often it does each action of the run.
CountedPart read_layer(const boost::json::value& value, const std::string& path, const Place& file,
                       const Counts& actions, Problems& problems) {
  CountedPart part;
  std::vector<std::int64_t> counts;
  if (const boost::json::object* layer = value.if_object()) {
    read_key(*layer, "name", path, file, part.name, problems);
    read_key(*layer, "repeat", path, file, part.repeat, problems);
    read_key(*layer, "counts", path, file, counts, problems);
  } else {
    problems.add(file, path, "expected a map, got " + node_at(file, value).shown());
    return part;
  }
  if (counts.size() != actions.size())
    problems.add(file, path + ".counts",
                 fmt::format("expected {} numbers, one per action in counts, got {}",
                             actions.size(), counts.size()));
  for (std::size_t i = 0; i < std::min(counts.size(), actions.size()); ++i) {
    if (counts[i] < 0)
      problems.add(file, fmt::format("{}.counts[{}]", path, i),
                   fmt::format("expected at least 0, got {}", counts[i]));
    if (counts[i] == 0) continue;
    part.counts.push_back(actions[i]);
    part.counts.back().count = counts[i];
  }
  return part;
}

/// `config`: the run's, as its result has it.
CountedDram read_dram(const boost::json::object& config, const Place& file, Problems& problems) {
  CountedDram dram;
  read_key(config, "dram_prices", "config", file, dram.counted, problems);
  const boost::json::value* device = config.if_contains("dram");
  if (device == nullptr || !device->is_object()) return dram;
  read_key(device->as_object(), "name", "config.dram", file, dram.name, problems);
  read_key(device->as_object(), "energy", "config.dram", file, dram.prices, problems);
  read_key(device->as_object(), "organization", "config.dram", file, dram.organization, problems);
  read_key(device->as_object(), "timing", "config.dram", file, dram.timing, problems);
  return dram;
}

/// Those of `area`, whose older versions do not tell what they are.
std::vector<MachinePart> read_parts(const boost::json::object& root, const Place& file,
                                    Problems& problems) {
  std::vector<MachinePart> parts;
  const boost::json::value* area = root.if_contains("area");
  const boost::json::value* rows =
      area != nullptr && area->is_object() ? area->as_object().if_contains("parts") : nullptr;
  if (rows == nullptr || !rows->is_array()) return parts;
  const PartFields& f = kPartFields;
  for (const boost::json::value& row : rows->as_array()) {
    const boost::json::object* keys = row.if_object();
    if (keys == nullptr || !keys->contains(f.kind.key.data())) return {};
    const std::string path = fmt::format("area.parts[{}]", parts.size());
    MachinePart part;
    const auto read = [&](const Field& field, auto& value) {
      read_key(*keys, field.key.data(), path, file, value, problems);
    };
    read(f.component, part.component);
    read(f.kind, part.kind);
    read(f.units, part.units);
    read(f.type, part.type);
    read(f.scalable, part.is_scalable);
    read(f.width, part.width.value);
    read(f.capacity, part.capacity.value);
    read(f.shares_a_port, part.shares_a_port);
    const bool is_bank = part.kind == PartKind::kSram;
    if (part.units < 1 || (is_bank && (part.width.value < 1 || part.capacity.value < 1)))
      problems.add(file, path, "expected at least one unit, and banks of at least a bit");
    parts.push_back(std::move(part));
  }
  return parts;
}

/// Whether energy is weighed by a mapping's objective: a name or weights, edp without one.
bool weighs_energy(const boost::json::object& config) {
  const boost::json::value* mapping = config.if_contains("mapping");
  const boost::json::value* objective = mapping != nullptr && mapping->is_object()
                                            ? mapping->as_object().if_contains("objective")
                                            : nullptr;
  if (objective == nullptr || objective->is_null()) return true;
  const boost::json::object* weights = objective->if_object();
  const boost::json::value* name = weights == nullptr ? objective : weights->if_contains("name");
  if (name != nullptr && name->is_string())
    return name->as_string() == "energy" || name->as_string() == "edp";
  const boost::json::value* energy = weights == nullptr ? nullptr : weights->if_contains("energy");
  return energy != nullptr && energy->is_number() && energy->to_number<double>() > 0;
}

/// What the run's configuration says of its prices and its machine.
void read_config(const boost::json::object& config, const Place& file, CountedResult& result,
                 Problems& problems) {
  result.dram = read_dram(config, file, problems);
  result.mapped_by_energy = weighs_energy(config);
  const boost::json::value* density = config.if_contains("density");
  result.has_density = density != nullptr && !density->is_null();
  const boost::json::value* machine = config.if_contains("accelerator");
  if (machine == nullptr || !machine->is_object()) return;
  read_key(machine->as_object(), "voltage", "config.accelerator", file, result.voltage, problems);
  const boost::json::value* array = machine->as_object().if_contains("array");
  if (array == nullptr || !array->is_object()) return;
  std::int64_t rows = 0, cols = 0;
  read_key(array->as_object(), "rows", "config.accelerator.array", file, rows, problems);
  read_key(array->as_object(), "cols", "config.accelerator.array", file, cols, problems);
  const auto is_size = [](std::int64_t n) { return n >= 1 && n <= (1 << 20); };
  if (is_size(rows) && is_size(cols)) result.pes = rows * cols;
}

}  // namespace

CountedResult read_counted(const std::string& path) {
  const boost::json::object root = of_result(path, load_result);
  Place file;
  file.origin = std::make_shared<const std::string>(path);
  Problems problems;
  CountedResult result;
  read_key(root, "name", "", file, result.total.name, problems);
  read_key(root, "counts", "", file, result.total.counts, problems);
  if (!root.contains("counts")) problems.add(file, "", "no counts: not a result of sim run");
  problems.throw_if_any();
  const boost::json::value* layers = root.if_contains("layers");
  if (layers != nullptr && !layers->is_array())
    problems.add(file, "layers", "expected a list, got " + node_at(file, *layers).shown());
  if (layers != nullptr && layers->is_array())
    for (std::size_t i = 0; i < layers->as_array().size(); ++i)
      result.layers.push_back(read_layer(layers->as_array()[i], fmt::format("layers[{}]", i), file,
                                         result.total.counts, problems));
  read_key(root, "time_s", "", file, result.time_s, problems);
  read_key(root, "macs", "", file, result.macs, problems);
  result.parts = read_parts(root, file, problems);
  if (const boost::json::value* energy = root.if_contains("energy"))
    if (energy->is_object())
      read_key(energy->as_object(), "table", "energy", file, result.table, problems);
  const boost::json::value* config = root.if_contains("config");
  if (config != nullptr && config->is_object())
    read_config(config->as_object(), file, result, problems);
  problems.throw_if_any();
  return result;
}

}  // namespace bitjoule
