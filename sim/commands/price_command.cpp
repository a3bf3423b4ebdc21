#include <fmt/format.h>

#include <algorithm>

#include "core/energy/price.h"
#include "core/energy/price_array.h"
#include "core/energy/voltage.h"
#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/json_node.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/output/terminal.h"
#include "sim/output/text.h"
#include "sim/report/dram_text.h"
#include "sim/result/result_json.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/describe_energy.h"
#include "sim/schema/run_file.h"
#include "sim/sweep/compare.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

/// What one run, or one layer of a network, counted.
struct CountedPart {
  std::string name;
  std::int64_t repeat = 1;
  Counts counts;
};

/// The DRAM of the run, as far as prices go.
struct CountedDram {
  std::string name = "the DRAM";
  std::optional<DramPrices> prices;
  DramPricing counted = DramPricing::kTable;
};

struct CountedResult {
  CountedPart total;
  std::vector<CountedPart> layers;
  CountedDram dram;
  std::optional<Volts> voltage;  ///< of the run's machine
};

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
  return dram;
}

CountedResult read_result(const std::string& path) {
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
  const boost::json::value* config = root.if_contains("config");
  if (config != nullptr && config->is_object())
    result.dram = read_dram(config->as_object(), file, problems);
  if (config != nullptr && config->is_object())
    if (const boost::json::value* machine = config->as_object().if_contains("accelerator"))
      if (machine->is_object())
        read_key(machine->as_object(), "voltage", "config.accelerator", file, result.voltage,
                 problems);
  problems.throw_if_any();
  return result;
}

/// Picojoules in the unit that keeps one to three digits before the point.
std::string energy_text(double picojoules) {
  double value = picojoules;
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

/// What the program that wrote a result did not count yet, and the table prices.
std::string lacks_text(const Counts& counts, const EnergyTable& table) {
  const auto is_of_array = [](const Action& a) { return a.component == "array"; };
  const auto is_move = [](const Action& a) { return is_array_move(a.primitive); };
  if (table.moves.empty() || std::none_of(counts.begin(), counts.end(), is_of_array) ||
      std::any_of(counts.begin(), counts.end(), is_move))
    return "";
  return "  not in this result, of an older version: what moves inside the array, which the table "
         "prices\n";
}

std::string report_text(const CountedPart& part, const EnergyReport& report,
                        const EnergyTable& table) {
  std::string out =
      fmt::format("{} priced by {}\n", part.name.empty() ? "run" : part.name, report.table);
  out += fmt::format("  DRAM by {}\n", dram_prices_text(report));
  for (const ComponentEnergy& row : report.components)
    out += fmt::format("  {:<20} {:>12}  {:>7}\n", row.component,
                       component_text(report, row, energy_text), percent(row.energy, report.total));
  out += fmt::format("  {:<20} {:>12}\n", "total", energy_text(report.total.value));
  out += fmt::format("  quoted prices {}, derived {}\n",
                     percent(sum_of(report, PriceOrigin::kQuoted), report.total),
                     percent(sum_of(report, PriceOrigin::kDerived), report.total));
  if (report.fixed.value > 0)
    out += fmt::format("  of it {} ({}) whatever is done\n", energy_text(report.fixed.value),
                       percent(report.fixed, report.total));
  const bool has_leakage = std::any_of(part.counts.begin(), part.counts.end(), [](const Action& a) {
    return a.primitive == Primitive::kSramLeakage || a.primitive == Primitive::kLeakage;
  });
  if (!has_leakage)
    out += "  not counted: leakage; the result is of a version that did not count it\n";
  std::vector<std::string> moves;  // of components whose every move has no price
  for (const PricedAction& row : report.unpriced()) {
    const std::string name = unpriced_name(row);
    if (is_array_move(row.action.primitive)) {
      if (moves.empty() || moves.back() != name) moves.push_back(name);
      continue;
    }
    out += fmt::format("  not priced: {}.{}, {} of {} {}: {}\n", row.action.component,
                       row.action.activity, row.action.count, primitive_name(row.action.primitive),
                       row.action.type, row.unit.why);
  }
  if (!moves.empty())
    out += fmt::format("  not priced: {}: the table has no rows for moves of them\n",
                       fmt::join(moves, ", "));
  out += lacks_text(part.counts, table);
  out += "Unit costs for accounting and ratios, not the joules of a real chip.\n";
  return out;
}

struct PriceOptions {
  std::string result, energy = "horowitz-2014-45nm.yaml", dram_prices, output;
};

/// As --dram-prices says, else as in the run; then a DRAM price that the table is given must count.
DramPricing dram_pricing(const PriceOptions& options, const CountedDram& dram,
                         const std::vector<Override>& overrides) {
  if (!options.dram_prices.empty()) {
    for (const EnumRow<DramPricing>& row : enum_rows<DramPricing>())
      if (options.dram_prices == row.name) return row.value;
    throw input_error(
        fmt::format("--dram-prices: expected table or device, got \"{}\"", options.dram_prices));
  }
  for (const Override& set : overrides)
    if (dram.counted == DramPricing::kDevice &&
        (set.path == "dram" || set.path.rfind("dram.", 0) == 0))
      throw input_error(
          fmt::format("--set {}: has no effect, as the prices of the run's own DRAM count: "
                      "--dram-prices table",
                      set.path));
  return dram.counted;
}

int price_result(const PriceOptions& options, const std::vector<Override>& overrides) {
  require_writable_file(options.output);
  const CountedResult result = read_result(options.result);
  const EnergyTable table = read_energy_table(options.energy, overrides);
  const DramPricing counted = dram_pricing(options, result.dram, overrides);
  const Prices prices =
      make_prices(at_voltage(table, result.voltage), result.dram.name, result.dram.prices, counted);
  const EnergyReport total = price(result.total.counts, prices);
  boost::json::array layers;
  for (const CountedPart& layer : result.layers)
    layers.push_back({{"name", layer.name},
                      {"repeat", layer.repeat},
                      {"energy", layer_energy_json(price(layer.counts, prices))}});
  if (!options.output.empty())
    write_output(options.output, json_text({{"schema_version", 2},
                                            {"program", program_json()},
                                            {"name", result.total.name},
                                            {"energy_table", to_json(table)},
                                            {"energy", energy_json(total)},
                                            {"layers", std::move(layers)}}));
  print_summary(report_text(result.total, total, table));
  return 0;
}

}  // namespace

CommandAction add_price_command(CLI::App& app) {
  auto options = std::make_shared<PriceOptions>();
  app.add_option("result", options->result, "a run: directory of `sim run -o`, or a result file")
      ->required()
      ->type_name("RUN");
  app.add_option("--energy", options->energy, "energy table: a file, or one of `sim list energy`")
      ->capture_default_str()
      ->type_name("FILE");
  app.add_option("--dram-prices", options->dram_prices,
                 "table or device: whose prices of the DRAM count; default: as in the run")
      ->type_name("WHOSE");
  app.add_option("-o,--output", options->output, "write the prices as JSON")->type_name("FILE");
  const auto sets = add_set_option(app);
  return [options, sets] { return price_result(*options, parse_overrides(*sets)); };
}

}  // namespace bitjoule
