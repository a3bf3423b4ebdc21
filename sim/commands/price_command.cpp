#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/dram/priced_device.h"
#include "core/energy/area.h"
#include "core/energy/pe_pitch.h"
#include "core/energy/price.h"
#include "core/energy/price_array.h"
#include "core/energy/price_dram.h"
#include "core/energy/unpriced.h"
#include "core/energy/voltage.h"
#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/commands/counted_result.h"
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

/// Picojoules in the unit that keeps one to three digits before the point.
std::string energy_text(double picojoules, PriceUnit unit) {
  if (unit == PriceUnit::kMac) return joules_text(picojoules, unit);
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

bool has_any(const Counts& counts, bool (*is_one)(const Action&)) {
  return std::any_of(counts.begin(), counts.end(), is_one);
}

/// What the program that wrote a result did not count yet.
std::vector<std::string> missing_counts(const Counts& counts, const EnergyTable& table) {
  std::vector<std::string> missing;
  const auto add = [&](const char* what) {
    missing.push_back(fmt::format("not in this result, of an older version: {}", what));
  };
  if (!table.moves.empty() &&
      has_any(counts, [](const Action& a) { return a.component == "array"; }) &&
      !has_any(counts, [](const Action& a) { return is_array_move(a.primitive); }))
    add("what moves inside the array, which the table prices");
  if (!has_any(counts, [](const Action& a) {
        return a.primitive == Primitive::kSramLeakage || a.primitive == Primitive::kLeakage;
      }))
    missing.emplace_back("not counted: leakage; the result is of a version that did not count it");
  if (has_any(counts, [](const Action& a) { return is_dram(a.primitive); }) &&
      !has_any(counts, [](const Action& a) { return a.primitive == Primitive::kDramPhy; }))
    missing.emplace_back(
        "not counted: bits of the DRAM's PHY; the result is of a version that did not count them");
  return missing;
}

/// What a reader of the new prices has to know; `are_the_runs`: they are those of the run.
std::vector<std::string> notes_of(const CountedResult& result, const EnergyTable& table,
                                  bool are_the_runs) {
  std::vector<std::string> notes = missing_counts(result.total.counts, table);
  if (result.voltage) notes.push_back(fmt::format("at {} V, as in the run", result.voltage->value));
  if (result.has_density)
    notes.emplace_back("zeros of operands are those that the run's density assumes");
  if (result.mapped_by_energy && !are_the_runs)
    notes.push_back(fmt::format(
        "the mapping is the run's, chosen by {}; a run with other prices may choose another",
        result.table.empty() ? "its own table" : result.table));
  return notes;
}

/// What has no price, and why; moves and the DRAM by what they have in common.
std::string unpriced_text(const EnergyReport& report) {
  std::string out;
  std::vector<std::string> dram;                                        // reasons
  std::vector<std::pair<std::string, std::vector<std::string>>> moves;  // components by reason
  for (const PricedAction& row : report.unpriced()) {
    const std::string name = unpriced_name(row);
    if (is_array_move(row.action.primitive)) {
      auto reason = std::find_if(moves.begin(), moves.end(),
                                 [&](const auto& other) { return other.first == row.unit.why; });
      if (reason == moves.end()) reason = moves.insert(moves.end(), {row.unit.why, {}});
      if (reason->second.empty() || reason->second.back() != name) reason->second.push_back(name);
    } else if (is_dram(row.action.primitive)) {
      const std::string told = fmt::format("  not priced: {}: {}\n", name, row.unit.why);
      if (std::find(dram.begin(), dram.end(), told) == dram.end()) dram.push_back(told);
    } else {
      out += fmt::format("  not priced: {}.{}, {} of {} {}: {}\n", row.action.component,
                         row.action.activity, row.action.count,
                         primitive_name(row.action.primitive), row.action.type, row.unit.why);
    }
  }
  for (const std::string& told : dram) out += told;
  for (const auto& [why, names] : moves)
    out += fmt::format("  not priced: {}: {}\n", fmt::join(names, ", "), why);
  return out;
}

std::string report_text(const CountedPart& part, const EnergyReport& report,
                        const std::vector<std::string>& notes, const std::string& area) {
  std::string out =
      fmt::format("{} priced by {}\n", part.name.empty() ? "run" : part.name, report.table);
  out += fmt::format("  DRAM by {}\n", dram_prices_text(report));
  for (const ComponentEnergy& row : report.components)
    out += component_line(report, row, 12, energy_text, percent(row.energy, report.total));
  out += fmt::format("  {:<20} {:>12}\n", "total", energy_text(report.total.value, report.unit));
  out += fmt::format("  quoted prices {}, derived {}\n",
                     percent(sum_of(report, PriceOrigin::kQuoted), report.total),
                     percent(sum_of(report, PriceOrigin::kDerived), report.total));
  if (report.high > report.low)
    out += fmt::format("  {} to {} if every price is off by its factor\n",
                       energy_text(report.low.value, report.unit),
                       energy_text(report.high.value, report.unit));
  for (const std::string& note : report.notes) out += fmt::format("  note: {}\n", note);
  if (report.fixed.value > 0)
    out += fmt::format("  of it {} ({}) leakage and standby\n",
                       energy_text(report.fixed.value, report.unit),
                       percent(report.fixed, report.total));
  out += unpriced_text(report);
  for (const std::string& note : notes) out += fmt::format("  {}\n", note);
  out += area;
  if (!(report.high > report.low))
    out += "Unit costs for accounting and ratios, not the joules of a real chip.\n";
  return out;
}

/// The same machine by the areas of the table.
std::string area_text(const CountedResult& result, const AreaReport& area,
                      const EnergyReport& energy) {
  if (result.parts.empty())
    return "  not in this result, of an older version: the parts of the machine, for its area\n";
  if (area.table.empty()) return "  area: the energy table has none\n";
  std::string out =
      area.total_mm2()
          ? fmt::format("  area {} mm2 by {}, {} to {} if every figure is off by its factor",
                        digits_text(*area.total_mm2()), area.table, digits_text(*area.lowest_mm2()),
                        digits_text(*area.highest_mm2()))
          : fmt::format("  area not known: {} mm2 by {} without {}", digits_text(area.known_mm2()),
                        area.table, fmt::join(area.unknown(), "; "));
  if (result.time_s > 0)
    out += fmt::format("; average power {}",
                       watts_text(energy.total.value * 1e-12 / result.time_s, energy.unit));
  return out + "\n";
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

Prices prices_for(const CountedResult& result, const EnergyTable& table, DramPricing counted,
                  const std::vector<Override>& overrides) {
  const EnergyTable wired =
      with_pe_pitch(at_voltage(table, result.voltage), result.parts, result.pes);
  for (const Override& set : overrides)
    if (set.path == "pe_pitch" && !wired.pitch_from.empty())
      throw input_error(
          fmt::format("--set pe_pitch: has no effect: wires are over {}", wired.pitch_from));
  const CountedDram& dram = result.dram;
  Prices prices = make_prices(wired, dram.name, dram.prices, counted);
  prices.notes = device_notes(prices.counted_list()->dram, dram.timing, dram.name);
  return prices;
}

/// As a run refuses it: what goes with toggling bits is the price of a multiplication.
void check_operands(const CountedResult& result, const EnergyTable& table) {
  const auto& dependence = table.data_dependence;
  if (result.has_density && dependence && dependence->multiplier == DataMultiplier::kToggled)
    throw input_error(fmt::format(
        "{}: of a run with a density, which does not tell toggling bits; the energy table \"{}\" "
        "prices multiplications by these: run again with operand_counts",
        result.total.name.empty() ? "the result" : result.total.name, table.name));
}

int price_result(const PriceOptions& options, const std::vector<Override>& overrides) {
  require_writable_file(options.output);
  const CountedResult result = read_counted(options.result);
  const EnergyTable table = read_energy_table(options.energy, overrides);
  if (result.dram.organization)
    check_priced_device(table.dram, *result.dram.organization, result.dram.timing, result.dram.name,
                        fmt::format("energy table \"{}\": dram", table.name));
  const DramPricing counted = dram_pricing(options, result.dram, overrides);
  check_operands(result, table);
  const Prices prices = prices_for(result, table, counted, overrides);
  const EnergyReport total = price(result.total.counts, prices);
  boost::json::array layers;
  for (const CountedPart& layer : result.layers)
    layers.push_back({{"name", layer.name},
                      {"repeat", layer.repeat},
                      {"energy", layer_energy_json(price(layer.counts, prices))}});
  const AreaReport area = area_of(result.parts, table);
  const std::vector<std::string> notes =
      notes_of(result, table,
               overrides.empty() && table.name == result.table && counted == result.dram.counted);
  if (!options.output.empty()) {
    boost::json::object out{
        {"schema_version", 2},          {"program", program_json()},
        {"name", result.total.name},    {"energy_table", to_json(table)},
        {"energy", energy_json(total)}, {"notes", boost::json::array(notes.begin(), notes.end())}};
    if (result.time_s > 0)
      out["power"] = {
          {"average_w", total.total.value * 1e-12 / result.time_s},
          {"tops_per_w", total.total.value > 0 ? 2 * result.macs / total.total.value : 0.0}};
    if (!result.parts.empty())
      out["area"] =
          result.time_s > 0 ? area_json(area, total, result.time_s, result.macs) : area_json(area);
    out["layers"] = std::move(layers);
    write_output(options.output, json_text(out));
  }
  print_summary(report_text(result.total, total, notes, area_text(result, area, total)));
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
                 "whose prices of the DRAM count; default: as in the run")
      ->type_name("table|device");
  app.add_option("-o,--output", options->output, "write the prices as JSON")->type_name("FILE");
  const auto sets = add_set_option(app);
  return [options, sets] { return price_result(*options, parse_overrides(*sets)); };
}

}  // namespace bitjoule
