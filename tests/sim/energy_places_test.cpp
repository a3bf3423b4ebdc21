// Where errors about prices and supplies are said to be.
#include <doctest/doctest.h>

#include <string>

#include "core/error.h"
#include "sim/schema/run_file.h"
#include "support/shell.h"

namespace bitjoule::energy_places_test {
namespace {

using test::TemporaryDirectory;
using test::write_file;

const char* const kRun =
    "layer: {gemm: {m: 8, n: 16, k: 16}}\nvalues: off\n"
    "precision: {weights: int8, activations: int8}\n";

std::string error_of(const std::string& accelerator, const std::vector<Override>& sets = {},
                     const TemporaryDirectory& dir = {}) {
  write_file(dir, "machine.yaml", accelerator);
  try {
    read_run(file_source(write_file(dir, "run.yaml",
                                    "name: a\naccelerator: machine.yaml\n" + std::string(kRun))),
             sets);
  } catch (const Error& e) {
    std::string text = e.what();
    for (std::size_t at; (at = text.find(dir.at(""))) != std::string::npos;)
      text.erase(at, dir.at("").size());
    return text;
  }
  return "";
}

}  // namespace

TEST_CASE("energy places: a supply and a clock are blamed where they stand") {
  const std::string base = "base: edge-16x16.yaml\nname: mine\n";
  CHECK(error_of(base + "max_clock: 1 GHz\nvoltage: 0.5 V\n").rfind("machine.yaml:4:", 0) == 0);
  CHECK(error_of(base + "voltage: 0.8 V\n").rfind("machine.yaml:3:", 0) == 0);
  CHECK(error_of(base + "max_clock: 1 GHz\nclock: 2 GHz\n").rfind("machine.yaml:4:", 0) == 0);
  CHECK(
      error_of(base, {{"accelerator.voltage", "0.5 V"}}).rfind("--set accelerator.voltage: ", 0) ==
      0);
  CHECK(error_of(base + "max_clock: 1 GHz\nvoltage: 0.81 V\nclock: 800 MHz\n").empty());
  // Of a shipped machine: options of the machine alone, not of the layer beside it.
  const auto of_shipped = [](const std::vector<Override>& sets) -> std::string {
    try {
      read_run(text_source("r.yaml", "accelerator: edge-16x16.yaml\n" + std::string(kRun)), sets);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const std::vector<Override> slow = {{"accelerator.max_clock", "500 MHz"}},
                              beside = {{"layer.gemm.m", "4"}, slow[0]};
  CHECK(of_shipped(slow).rfind("--set accelerator.max_clock: accelerator.clock: expected at most",
                               0) == 0);
  CHECK(of_shipped(beside) == of_shipped(slow));
}

TEST_CASE("energy places: a pe_pitch that areas overrule is told, wherever it was set") {
  const TemporaryDirectory dir;
  const std::string table =
      write_file(dir, "table.yaml", "base: chip-45nm.yaml\npe_pitch: 200 um\n");
  const auto notes = [&](const std::string& energy, std::vector<Override> sets) {
    sets.insert(sets.begin(), {"energy", energy});
    std::string text;
    for (const std::string& note :
         read_run(text_source("r.yaml", "accelerator: edge-16x16.yaml\n" + std::string(kRun)), sets)
             .notes)
      text += note + "\n";
    return text;
  };
  const std::string why =
      "no effect: wires are over a PE pitch of 122.7 um, the root of 1.505e+04 um2 by generic-45nm";
  CHECK(notes("chip-45nm.yaml", {}).empty());
  CHECK(notes("chip-45nm.yaml", {{"energy.pe_pitch", "200 um"}}) ==
        "energy.pe_pitch (--set energy.pe_pitch): " + why + "\n");
  CHECK(notes(table, {}) == "energy.pe_pitch (" + table + ":2:11): " + why + "\n");
  // Where no areas decide it has an effect.
  CHECK(notes("array-45nm.yaml", {{"energy.pe_pitch", "200 um"}}).empty());
  CHECK(notes("chip-45nm.yaml", {{"energy.pe_pitch", "200 um"},
                                 {"precision.mac", "fp8_e4m3"},
                                 {"precision.weights", "fp8_e4m3"},
                                 {"precision.activations", "fp8_e4m3"}})
            .empty());
}

TEST_CASE("energy places: a DRAM file's own ratios are refused where they stand") {
  const std::string dram =
      "dram: {base: lpddr5-6400.yaml, energy: {per_access: {width: 16 bit, read: 200 pJ, write: "
      "200 pJ, boundary: unstated, ratios: true, source: a test}}}\n";
  const std::string text = error_of("base: edge-16x16.yaml\n" + dram);
  CAPTURE(text);
  CHECK(text.rfind("machine.yaml:2:", 0) == 0);
  CHECK(text.find("per_access.ratios: a DRAM's own prices are in pJ") != std::string::npos);
}

TEST_CASE("energy places: power-down without a price is the DRAM file's fault, before any run") {
  const std::string dram =
      "dram: {base: hbm2-2000.yaml, controller: {power_down: 100}, energy: "
      "hbm2-2000-commands.yaml}\n";
  const auto list = [](const std::string& drop) {
    return std::vector<Override>{{"dram.energy.per_command.power_down", drop}};
  };
  CHECK(error_of("base: edge-16x16.yaml\n" + dram).empty());
  const std::string text = error_of("base: edge-16x16.yaml\n" + dram, list("null"));
  CAPTURE(text);
  CHECK(text.find("hbm2-2000-commands.yaml:") != std::string::npos);
  CHECK(text.find("power-down, which the controller has, is not priced: no `power_down`, and no "
                  "IDD2P of VDD") != std::string::npos);
}

TEST_CASE("energy places: what an option makes of a shipped table is the option's fault") {
  const std::string base = "base: edge-16x16.yaml\n";
  const std::string nested =
      error_of(base, {{"energy", "chip-45nm.yaml"}, {"energy.moves.0.length", "1 mm"}});
  CHECK(nested.rfind("--set energy.moves.0.length: moves: register_read: a length", 0) == 0);
  // Where it names the table, too.
  const std::string list =
      error_of(base, {{"dram", "lpddr5-6400.yaml"}, {"dram.energy", "hbm2-2000-commands.yaml"}});
  CHECK(list.rfind("--set dram.energy: energy.per_command.currents.tRC: expected 61.25 ns", 0) ==
        0);
  // Also where it is beside what it makes wrong.
  const std::string beside =
      error_of(base, {{"energy", "eyeriss-65nm.yaml"}, {"energy.unit", "pJ"}});
  CHECK(beside.rfind("--set energy.unit: sram: figures are ratios of a MAC", 0) == 0);
}

}  // namespace bitjoule::energy_places_test
