#include <fmt/format.h>

#include "core/energy/price.h"
#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/describe_energy.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

/// What one run, or one layer of a network, counted.
struct CountedPart {
  std::string name;
  std::int64_t repeat = 1;
  Counts counts;
};

struct CountedResult {
  CountedPart total;
  std::vector<CountedPart> layers;
};

/// Reads `name`, `repeat` and `counts`; the other keys of a result do not matter here.
CountedPart read_part(const Node& node, const std::string& path, Problems& problems) {
  CountedPart part;
  const auto read = [&](const char* key, auto& out) {
    const std::string here = path.empty() ? key : path + "." + key;
    if (const Node* value = node.find(key)) read_value(*value, here, out, {}, problems);
  };
  read("name", part.name);
  read("repeat", part.repeat);
  read("counts", part.counts);
  if (node.find("counts") == nullptr)
    problems.add(node.place, path, "no counts: not a result of sim run");
  return part;
}

CountedResult read_result(const std::string& file) {
  Problems problems;
  const Node root = parse_source(file_source(file), problems);  // JSON is YAML
  problems.throw_if_any();
  CountedResult result;
  result.total = read_part(root, "", problems);
  const Node* layers = root.find("layers");
  if (layers != nullptr && layers->kind != Node::Kind::kList)
    problems.add(layers->place, "layers", "expected a list, got " + layers->shown());
  if (layers != nullptr)
    for (std::size_t i = 0; i < layers->items.size(); ++i)
      result.layers.push_back(read_part(layers->items[i], fmt::format("layers[{}]", i), problems));
  problems.throw_if_any();
  return result;
}

/// Picojoules in the unit that keeps one to three digits before the point.
std::string energy_text(Picojoules energy) {
  double value = energy.value;
  const char* const units[] = {"pJ", "nJ", "uJ", "mJ", "J", "kJ"};
  std::size_t i = 0;
  for (; value >= 1000 && i + 1 < std::size(units); ++i) value /= 1000;
  return fmt::format("{:.4g} {}", value, units[i]);
}

std::string percent(Picojoules part, Picojoules whole) {
  return whole.value > 0 ? fmt::format("{:.1f} %", 100 * part.value / whole.value) : "-";
}

/// The energy of one kind of price.
Picojoules sum_of(const EnergyReport& report, PriceOrigin origin) {
  Picojoules sum;
  for (const PricedAction& row : report.actions)
    if (row.unit.origin == origin) sum += row.energy;
  return sum;
}

std::string report_text(const CountedPart& part, const EnergyReport& report) {
  std::string out =
      fmt::format("{} priced by {}\n", part.name.empty() ? "run" : part.name, report.table);
  for (const ComponentEnergy& row : report.components)
    out += fmt::format("  {:<20} {:>12}  {:>7}\n", row.component, energy_text(row.energy),
                       percent(row.energy, report.total));
  out += fmt::format("  {:<20} {:>12}\n", "total", energy_text(report.total));
  out += fmt::format("  quoted prices {}, derived {}\n",
                     percent(sum_of(report, PriceOrigin::kQuoted), report.total),
                     percent(sum_of(report, PriceOrigin::kDerived), report.total));
  for (const PricedAction& row : report.unpriced())
    out += fmt::format("  not priced: {}.{}, {} of {} {}: {}\n", row.action.component,
                       row.action.activity, row.action.count, primitive_name(row.action.primitive),
                       row.action.type, row.unit.why);
  out += "Unit costs for accounting and ratios, not the joules of a real chip.\n";
  return out;
}

struct PriceOptions {
  std::string result, energy = "horowitz-2014-45nm.yaml", output;
};

int price_result(const PriceOptions& options, const std::vector<Override>& overrides) {
  require_writable_file(options.output);
  const CountedResult result = read_result(options.result);
  const EnergyTable table = read_energy_table(options.energy, overrides);
  const EnergyReport total = price(result.total.counts, table);
  boost::json::array layers;
  for (const CountedPart& layer : result.layers)
    layers.push_back({{"name", layer.name},
                      {"repeat", layer.repeat},
                      {"energy", energy_json(price(layer.counts, table))}});
  write_output("", report_text(result.total, total));
  if (options.output.empty()) return 0;
  write_output(options.output,
               json_text({{"schema_version", 1},
                          {"program", {{"name", "bitjoule"}, {"version", version()}}},
                          {"name", result.total.name},
                          {"energy_table", to_json(table)},
                          {"energy", energy_json(total)},
                          {"layers", layers}}));
  return 0;
}

}  // namespace

CommandAction add_price_command(CLI::App& app) {
  auto options = std::make_shared<PriceOptions>();
  app.add_option("result", options->result, "result.json of a run")->required()->type_name("FILE");
  app.add_option("--energy", options->energy, "energy table: a file, or one of `sim list energy`")
      ->capture_default_str()
      ->type_name("FILE");
  app.add_option("-o,--output", options->output, "write the prices as JSON")->type_name("FILE");
  const auto sets = add_set_option(app);
  return [options, sets] { return price_result(*options, parse_overrides(*sets)); };
}

}  // namespace bitjoule
