#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/mapping/machine_parts.h"
#include "run/run_parts.h"
#include "sim/commands/command.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/output/terminal.h"
#include "sim/output/text.h"
#include "sim/result/result_json.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

struct AreaOptions {
  std::string file, energy, area, output;
  std::vector<std::string> macs;
};

struct PricedMachine {
  std::string name;
  std::vector<MachinePart> parts;
  EnergyTable table;
};

/// A machine by itself, with MACs that no run asks for: of equal operands.
DataPath path_of(const std::string& mac, const PeConfig& pe) {
  DataPath path;
  path.mac = find_mac_type(mac);
  const int bits = path.mac.operand_bits;
  path.macs_per_pe = macs_per_pe(pe.width, pe.packing, path.mac, bits, bits);
  return path;
}

PricedMachine of_accelerator(const Source& source, const std::vector<Override>& overrides,
                             const std::vector<std::string>& macs) {
  // A machine that names no table has the default one, of which --set changes parts.
  std::vector<Override> all = overrides;
  if (!read_document<AcceleratorFile>(source).energy)
    all.insert(all.begin(), {"energy", "horowitz-2014-45nm.yaml"});
  const AcceleratorFile file = read_document<AcceleratorFile>(source, all);
  std::vector<DataPath> paths;
  for (const std::string& mac : macs) paths.push_back(path_of(mac, file.machine.array.pe));
  return {file.machine.name, machine_parts(file.machine, paths), *file.energy};
}

PricedMachine read_machine(const AreaOptions& options, const std::vector<Override>& overrides) {
  const Source source = given_source(options.file);
  const std::string kind = guess_file_kind(source).name;
  if (kind == "accelerator")
    return of_accelerator(source, overrides,
                          options.macs.empty() ? std::vector<std::string>{"int8"} : options.macs);
  if (kind != "run")
    throw input_error(fmt::format("{}: expected an accelerator or a run, got a file of kind {}",
                                  options.file, kind));
  if (!options.macs.empty())
    throw input_error("--mac: only with an accelerator; a run's precision says which MACs it has");
  const RunConfig run = read_run(source, overrides);
  return {run.accelerator.name, parts_of(run), run.energy};
}

/// A bar of up to 24 characters.
std::string bar(double part, double most) {
  const double length = most > 0 ? std::ceil(24 * (part / most)) : 0;
  return std::string(static_cast<std::size_t>(length), '#');
}

std::string area_text(const PricedMachine& machine, const AreaReport& area) {
  std::string out = fmt::format("{}: ", machine.name.empty() ? "machine" : machine.name);
  out += area.table.empty()
             ? fmt::format(
                   "the energy table {} has no areas; --area names some, see `sim list "
                   "energy/area`\n",
                   machine.table.name)
             : fmt::format("area by {} ({})\n", area.table, area.node);
  double most = 0;
  for (const PartArea& row : area.parts) most = std::max(most, row.mm2());
  std::string unknown;
  for (const PartArea& row : area.parts) {
    const std::string what = part_text(row.part);
    if (row.origin == PriceOrigin::kUnpriced) {
      unknown += fmt::format("  not known: {}: {}\n", named_part(row.part), row.why);
      continue;
    }
    out += fmt::format(
        "  {:<18} {:>9} mm2  {:>6}  {:<24}  {}{}{}{}\n", row.part.component, digits_text(row.mm2()),
        area.total_mm2() ? percent(row.mm2() / *area.total_mm2()) : "-", bar(row.mm2(), most), what,
        what.empty() ? "" : ", ", enum_name(row.origin),
        row.uncertainty > 1 ? fmt::format(", within {} times", row.uncertainty) : std::string());
  }
  if (area.total_mm2())
    out += fmt::format("  {:<18} {:>9} mm2, {} to {} if every figure is off by its factor\n",
                       "total", digits_text(*area.total_mm2()), digits_text(*area.lowest_mm2()),
                       digits_text(*area.highest_mm2()));
  else if (area.has_figures())
    out += fmt::format("  {:<18} {:>9} mm2; the total is not known, as parts have no figure\n",
                       "known parts", digits_text(area.known_mm2()));
  for (const std::string& note : area.notes) unknown += "  note: " + note + "\n";
  return out + unknown;
}

int print_area(const AreaOptions& options, const std::vector<Override>& overrides) {
  require_writable_file(options.output);
  // As the file's own keys, so that --set changes what they name.
  std::vector<Override> all;
  if (!options.energy.empty()) all.push_back({"energy", options.energy});
  if (!options.area.empty()) all.push_back({"energy.area", options.area});
  all.insert(all.end(), overrides.begin(), overrides.end());
  const PricedMachine machine = read_machine(options, all);
  const AreaReport area = area_of(machine.parts, machine.table);
  if (!options.output.empty())
    write_output(options.output, json_text({{"program", program_json()},
                                            {"name", machine.name},
                                            {"area", area_json(area)}}));
  print_summary(area_text(machine, area));
  return 0;
}

}  // namespace

CommandAction add_area_command(CLI::App& app) {
  auto options = std::make_shared<AreaOptions>();
  app.add_option("file", options->file, "accelerator or run file; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option("--mac", options->macs,
                 "MACs of an accelerator's PEs, of `sim list macs`, with commas; default: int8; a "
                 "run says its "
                 "own")
      ->delimiter(',')
      ->type_name("TYPES");
  app.add_option(
         "--energy", options->energy,
         "energy table with areas: a file, or one of `sim list energy`; default: the file's")
      ->type_name("FILE");
  app.add_option("--area", options->area,
                 "areas in place of the energy table's: a file, or one of `sim list energy/area`")
      ->type_name("FILE");
  app.add_option("-o,--output", options->output, "write the area as JSON")->type_name("FILE");
  const auto sets = add_set_option(app);
  return [options, sets] { return print_area(*options, parse_overrides(*sets)); };
}

}  // namespace bitjoule
