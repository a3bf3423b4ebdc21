// What the inside of the array costs: packed PEs, registers and wires, multipliers by their
// operands. Expected energies are sums of the tables' figures, written out.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "run/machine.h"
#include "sim/schema/run_file.h"
#include "support/network_run.h"

namespace bitjoule::test::array_energy_test {
namespace {

LayerResult layer_of(const std::string& text, const std::vector<Override>& set = {}) {
  const RunConfig run = read_run(text_source("run.yaml", text), set);
  const Result result = Machine(run).run();
  return result.layers().front();
}

double component(const LayerResult& layer, const std::string& name) {
  for (const ComponentEnergy& row : layer.energy.components)
    if (row.component == name) return row.energy.value;
  return 0;
}

std::int64_t count(const LayerResult& layer, const std::string& activity) {
  for (const Action& row : layer.counts)
    if (row.activity == activity) return row.count;
  return 0;
}

/// Picojoules of the array per MAC of operands of a format, k a multiple of every packing.
double per_mac(const std::string& format, const std::string& pe, const std::string& energy = "",
               const std::string& mac = "auto") {
  const bool integer = format.rfind("int", 0) == 0;
  const std::string operand =
      integer ? fmt::format("{{format: {}, granularity: per_channel}}", format) : format;
  const LayerResult layer = layer_of(
      fmt::format("accelerator: {{base: accelerators/edge-16x16.yaml, array: {{pe: {{{}}}}}}}\n{}"
                  "layer: {{gemm: {{m: 5, n: 24, k: 256}}}}\nvalues: off\n"
                  "precision: {{weights: {}, activations: {}, output: fp32, mac: {}}}\n",
                  pe, energy, operand, format, mac));
  return component(layer, "array") / static_cast<double>(layer.outcome.counts.macs);
}

/// m 5, n 2, k 2 of int16 on 3 x 4 PEs of one MAC, by Eyeriss' ratios.
const char* const kSmall = R"(
accelerator:
  base: accelerators/edge-16x16.yaml
  array: {rows: 3, cols: 4, edge_folds: full, pe: {width: 16}}
energy: eyeriss-65nm.yaml
layer: {gemm: {m: 5, n: 2, k: 2}}
values: off
precision: {weights: {format: int16, granularity: per_channel}, activations: int16, output: fp32, mac: int16}
)";

}  // namespace

TEST_CASE("array energy: packed PEs add in a tree of narrow adders and one wide one") {
  const double multiply4 = 0.002994791667 * 16 + 0.001041666667 * 4, bit = 0.003125;
  // Eight int4 products of 8 bits: four sums of 9 bits, two of 10, one of 11, and 32 bits.
  const double int4 = (8 * multiply4 + bit * (4 * 9 + 2 * 10 + 11) + 0.1) / 8;
  CHECK(int4 == doctest::Approx(0.0907).epsilon(0.001));
  CHECK(per_mac("int4", "width: 32") == doctest::Approx(int4).epsilon(1e-9));
  const double int8 = 0.2 + (bit * (2 * 17 + 18) + 0.1) / 4;
  CHECK(per_mac("int8", "width: 32") == doctest::Approx(int8).epsilon(1e-9));
  CHECK(int8 / int4 == doctest::Approx(2.9).epsilon(0.02));  // with a wide adder each: 2.0
  // One MAC in a PE, and each with an adder of its own: the article's.
  CHECK(per_mac("int8", "width: 8") == doctest::Approx(0.3).epsilon(1e-12));
  CHECK(per_mac("int8", "width: 32, adders: chain") == doctest::Approx(0.3).epsilon(1e-12));
  CHECK(per_mac("int4", "width: 32, adders: chain") ==
        doctest::Approx(multiply4 + 0.1).epsilon(1e-9));
  // Floats are added one after the other.
  CHECK(per_mac("fp16", "width: 32") == doctest::Approx(1.1 + 0.9).epsilon(1e-12));
  CHECK(per_mac("fp32", "width: 32") == doctest::Approx(3.7 + 0.9).epsilon(1e-12));
}

TEST_CASE("array energy: the article's machines cost what the article counts") {
  for (const auto& row : {std::pair("a", 4.6), std::pair("b", 4.6), std::pair("c", 0.3)}) {
    const char* const machine = row.first;
    const double mac = row.second;
    CAPTURE(machine);
    const RunConfig run = read_run(file_source(fmt::format("runs/article-{}.yaml", machine)),
                                   {{"values", "off"}, {"layer", "{gemm: {m: 1, n: 96, k: 128}}"}});
    const Result result = Machine(run).run();
    const LayerResult& layer = result.layers().front();
    CHECK(component(layer, "array") ==
          doctest::Approx(mac * static_cast<double>(layer.outcome.counts.macs)).epsilon(1e-12));
    // The article's table prices nothing that moves in the array.
    for (const char* name : {"array_registers", "array_wires", "array_clock"})
      CHECK(component(layer, name) == 0);
    const auto unpriced = layer.energy.unpriced();
    CHECK(std::any_of(unpriced.begin(), unpriced.end(), [](const PricedAction& action) {
      return action.action.component == "array_registers" && !action.unit.why.empty();
    }));
  }
}

TEST_CASE("array energy: multipliers that small ones compose cost what a table says of them") {
  const std::string fused =
      "energy: {base: horowitz-2014-45nm.yaml, scalable_multiplier: {factor: 2.26, boundary: unit, "
      "source: Bit Fusion's synthesis at 45 nm}}\n";
  const double adds8 = (0.003125 * (2 * 17 + 18) + 0.1) / 4;
  const double adds4 = (0.003125 * (8 * 9 + 4 * 10 + 2 * 11 + 12) + 0.1) / 16;
  // An int8 multiplier, 2.26 x 0.2 pJ a cycle, is one of 8 x 8, four of 4 x 4: 4 and 16 in a PE.
  CHECK(per_mac("int8", "width: 32, packing: product", fused, "int8") ==
        doctest::Approx(2.26 * 0.2 + adds8).epsilon(1e-9));
  CHECK(per_mac("int8", "width: 32, packing: product", "", "int8") ==
        doctest::Approx(0.2 + adds8).epsilon(1e-9));
  CHECK(per_mac("int4", "width: 32, packing: product", fused, "int8") ==
        doctest::Approx(2.26 * 0.2 / 4 + adds4).epsilon(1e-9));
  CHECK(per_mac("int8", "width: 32", fused) == doctest::Approx(0.2 + adds8).epsilon(1e-9));
}

TEST_CASE("array energy: a small product by Eyeriss' ratios, by hand") {
  const LayerResult ws = layer_of(kSmall),
                    os = layer_of(kSmall, {{"accelerator.array.dataflow", "os"}});
  CHECK(component(ws, "array") == 20);
  CHECK(component(os, "array") == 20);
  // Four weights written, each read five times. Ten inputs pass three wires, two weights one; ten
  // sums, which are two words of 16 bits, pass two.
  CHECK(component(ws, "array_registers") == 4 + 4 * 5);
  CHECK(component(ws, "array_wires") == 2 * (10 * 3 + 2 + 10 * 2 * 2));
  // Rows of three and then two of m, two steps of k: ten inputs pass three wires, four weights in
  // each fold two. Twenty sums of two words are read and written. On their way out those of three
  // rows pass 2 + 1 + 0 wires in each column, those of two 2 + 1.
  CHECK(component(os, "array_registers") == 20 * 2 * 2);
  CHECK(component(os, "array_wires") == 2 * (10 * 3 + 2 * 4 * 2 + 2 * (2 * 3 + 2 * 3)));
}

TEST_CASE("array energy: Eyeriss' ratios and pJ are not added") {
  const auto refused = [](const std::vector<Override>& overrides) -> std::string {
    try {
      layer_of(kSmall, overrides);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  CHECK(refused({{"dram_prices", "device"}, {"dram", "lpddr5-6400.yaml"}})
            .find("all else by the energy table \"eyeriss-65nm\" in ratios of a MAC") !=
        std::string::npos);
  for (const char* part : {"sram: cacti7-45nm-lop.yaml", "dram: lpddr4-8pj.yaml"}) {
    CAPTURE(part);
    CHECK(refused({{"energy", fmt::format("{{base: eyeriss-65nm.yaml, {}}}", part)}})
              .find("figures are in pJ, those of the table \"eyeriss-65nm\" ratios of a MAC") !=
          std::string::npos);
  }
  const LayerResult layer = layer_of(kSmall, {{"dram", "lpddr5-6400.yaml"}});
  CHECK(!layer.energy.by_device);
  REQUIRE(!layer.energy.notes.empty());
  CHECK(layer.energy.notes[0].find("ratios of a MAC") != std::string::npos);
}

TEST_CASE("array energy: registers, wires and clock at 45 nm, by hand") {
  const LayerResult ws = layer_of(kSmall, {{"energy", "array-45nm.yaml"}});
  // Words of 16 bits, sums of 32: what is read, written and passed on in registers of 9 fJ a bit.
  const double written = 4 * 16, read = 20 * 16, shifted = 10 * 4 * 16 + 2 * 16 + 10 * 3 * 32;
  CHECK(component(ws, "array_registers") ==
        doctest::Approx(0.009 * (written + read + shifted)).epsilon(1e-12));
  // 121 fJ for a bit and mm, 45 um from PE to PE, 3 + 4 of them from a buffer to the edge.
  const double hops = 10 * 3 * 16 + 2 * 16 + 10 * 2 * 32, edge = 7 * (10 * 16 + 4 * 16 + 10 * 32);
  CHECK(component(ws, "array_wires") ==
        doctest::Approx(0.121 * 0.045 * (hops + edge)).epsilon(1e-12));
  // Every PE in every cycle: two operands, a sum, and what stays twice.
  const double flip_flops = 16 + 16 + 32 + 2 * 16;
  CHECK(component(ws, "array_clock") ==
        doctest::Approx(0.0165 * flip_flops * 12 * static_cast<double>(ws.outcome.cycles.value))
            .epsilon(1e-12));
}

TEST_CASE("array energy: a chip at 45 nm has its PEs as far apart as they are large, by hand") {
  const LayerResult by_array = layer_of(kSmall, {{"energy", "array-45nm.yaml"}});
  const LayerResult chip = layer_of(kSmall, {{"energy", "chip-45nm.yaml"}});
  for (const char* same : {"array_registers", "array_clock"}) {
    CHECK(component(chip, same) > 0);
    CHECK(component(chip, same) == component(by_array, same));
  }
  // The PE of 16 bits is one int16 MAC of 12380 um2: 111.265 um wide, in whole nanometres.
  const double pitch = 0.111265;  // mm
  CHECK(std::sqrt(12380) == doctest::Approx(1000 * pitch).epsilon(1e-4));
  const double hops = 10 * 3 * 16 + 2 * 16 + 10 * 2 * 32, edge = 7 * (10 * 16 + 4 * 16 + 10 * 32);
  CHECK(component(chip, "array_wires") ==
        doctest::Approx(0.121 * pitch * (hops + edge)).epsilon(1e-12));
  // With 32 bits it is four int8 MACs of 3763 um2 or two int16 ones: 122.687 and 157.353 um.
  const auto hop_pj = [](const char* precision) {
    const LayerResult wide =
        layer_of(kSmall, {{"energy", "chip-45nm.yaml"},
                          {"accelerator.array.pe.width", "32"},
                          {"precision", std::string("{weights: ") + precision +
                                            ", activations: " + precision + "}"}});
    for (const PricedAction& row : wide.energy.actions)
      if (row.action.activity == "hop_sums") return row.unit.energy.value;
    return 0.0;
  };
  CHECK(hop_pj("int8") == doctest::Approx(32 * 0.121 * 0.122687).epsilon(1e-6));
  CHECK(hop_pj("int16") == doctest::Approx(32 * 0.121 * 0.157353).epsilon(1e-6));
  const auto unpriced = chip.energy.unpriced();
  CHECK(std::none_of(unpriced.begin(), unpriced.end(), [](const PricedAction& action) {
    return action.action.component.rfind("array_", 0) == 0;
  }));
}

TEST_CASE("array energy: wires at 7 nm by hand, registers and clock have no source there") {
  const LayerResult ws = layer_of(kSmall, {{"energy", "jouppi-2021-7nm.yaml"}});
  const double pitch = 0.02488;  // mm: an int16 MAC of 619 um2
  CHECK(std::sqrt(619) == doctest::Approx(1000 * pitch).epsilon(1e-4));
  CHECK(std::sqrt(0.03 * 0.07) == doctest::Approx(0.046).epsilon(0.005));
  const double hops = 10 * 3 * 16 + 2 * 16 + 10 * 2 * 32, edge = 7 * (10 * 16 + 4 * 16 + 10 * 32);
  CHECK(component(ws, "array_wires") ==
        doctest::Approx(0.046 * pitch * (hops + edge)).epsilon(1e-12));
  const auto unpriced = ws.energy.unpriced();
  for (const char* name : {"array_registers", "array_clock"}) {
    CHECK(component(ws, name) == 0);
    CHECK(std::any_of(unpriced.begin(), unpriced.end(),
                      [&](const PricedAction& action) { return action.action.component == name; }));
  }
}

TEST_CASE("array energy: a table's moves are moves, each once, and lengths are of wires") {
  const auto refusal = [](const std::string& moves) -> std::string {
    try {
      layer_of(kSmall, {{"energy", "{base: horowitz-2014-45nm.yaml, moves: [" + moves + "]}"}});
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  const std::string read =
      "{primitive: register_read, energy: 1 pJ, boundary: unit, source: this test}";
  const auto says = [&](const std::string& moves, const std::string& text) {
    CAPTURE(moves);
    CHECK(refusal(moves).find(text) != std::string::npos);
  };
  CHECK(refusal(read).empty());
  says(read + ", " + read, "moves: two rows for register_read");
  says("{primitive: multiply, energy: 1 pJ, boundary: unit}",
       "moves: multiply is nothing that moves inside the array");
  says("{primitive: pe_wire, energy: 1 pJ, length: 1 mm, boundary: unit}",
       "moves: pe_wire: a length is for wires, beside a pe_pitch");
  says("{primitive: shift, boundary: unit}",
       "moves: shift: expected either an energy or `included`");
  CHECK(shell("{sim} check quickstart.yaml --set 'energy.pe_pitch=30 um'")
            .text.find("pe_pitch: has no effect: no wire of `moves` has a length") !=
        std::string::npos);
  // What the table's operations are from says nothing of registers.
  says("{primitive: shift, energy: 1 pJ, boundary: unit}", "moves: shift: source: missing");
}

TEST_CASE("array energy: a result of an older version is priced, and what it lacks is said") {
  const TemporaryDirectory dir;
  std::ofstream(dir.at("old.json"))
      << R"({"schema_version": 2, "cycles": 9, "name": "old", "counts": [{"component": "array", "activity": )"
         R"("multiply", "primitive": "multiply", "type": "int8", "width_bits": 0, )"
         R"("capacity_bytes": 0, "count": 7}]})";
  const std::string price = "{sim} price " + dir.at("old.json") + " --energy ";
  const std::string lacks = "not in this result, of an older version: what moves inside the array";
  CHECK(shell(price + "array-45nm.yaml").text.find(lacks) != std::string::npos);
  CHECK(shell(price + "horowitz-2014-45nm.yaml").text.find(lacks) == std::string::npos);
  CHECK(shell(price + "horowitz-2014-45nm.yaml").text.find("1.4 pJ") != std::string::npos);
}

TEST_CASE("array energy: dataflows are told apart, and a larger array is not always better") {
  const auto run = [](const std::string& set) {
    const LayerResult layer = layer_of(fmt::format(
        "accelerator: {{base: accelerators/edge-16x16.yaml, array: {{edge_folds: full, {}}}}}\n"
        "energy: eyeriss-65nm.yaml\nlayer: {{gemm: {{m: 512, n: 12, k: 12}}}}\nvalues: off\n"
        "mapping: {{tile: {{m: 512, n: 12, k: 12}}}}\n"
        "precision: {{weights: {{format: int16, granularity: per_channel}}, activations: int16, "
        "mac: int16}}\n",
        set));
    return std::pair(component(layer, "array_registers"), component(layer, "array_wires"));
  };
  const auto ws = run("dataflow: ws"), os = run("dataflow: os"), is = run("dataflow: is");
  // Sums that stay are written with every MAC, weights once; inputs that stay, for one pass of 12.
  CHECK(ws.first < is.first);
  CHECK(is.first < os.first);
  // The same product on four times the PEs: what passes them goes twice as far.
  const auto large = run("dataflow: ws, rows: 32, cols: 32");
  CHECK(large.first == ws.first);
  CHECK(large.second > 1.9 * ws.second);
}

TEST_CASE("array energy: operands are counted on demand, and nothing else changes") {
  const std::string text =
      "accelerator: edge-16x16.yaml\n"
      "layer: {gemm: {m: 9, n: 20, k: 40}}\n"
      "precision: {weights: {format: int4, granularity: per_channel}, activations: int8}\n";
  const LayerResult off = layer_of(text), on = layer_of(text, {{"operand_counts", "true"}});
  CHECK(off.outcome.counts.operands[OperandCount::kInputToggles] == 0);
  const OperandCounts& operands = on.outcome.counts.operands;
  const std::int64_t zeros = operands[OperandCount::kZeroMacs];
  CHECK(zeros > 0);
  CHECK(zeros <= operands[OperandCount::kInputZeros] + operands[OperandCount::kWeightZeros]);
  CHECK(count(on, "multiply") + zeros == 9 * 20 * 40);
  CHECK(count(on, "multiply_zero") == zeros);
  CHECK(count(on, "toggle_inputs") == operands[OperandCount::kInputToggles]);
  // The default table's multiplication costs the same whatever its operands.
  CHECK(on.energy.total.value == doctest::Approx(off.energy.total.value).epsilon(1e-12));
  const LayerResult pe = layer_of(text, {{"operand_counts", "true"}, {"fidelity", "pe"}});
  CHECK(pe.outcome.counts == on.outcome.counts);

  const double multiply = 0.002994791667 * 32 + 0.001041666667 * std::sqrt(32.0);
  const auto difference = [&](const std::string& table) {
    const LayerResult layer = layer_of(text, {{"operand_counts", "true"}, {"energy", table}});
    return component(layer, "array") - component(on, "array");
  };
  // Gated, a multiplication of a zero costs a fifth: 0.8 less for each.
  CHECK(difference("{base: horowitz-2014-45nm.yaml, data_dependence: {multiplier: gated, share: "
                   "0.2, boundary: unit, source: a test}}") ==
        doctest::Approx(-0.8 * multiply * static_cast<double>(zeros)).epsilon(1e-6));
  // Half of a multiplication for six toggling bits of twelve, in place of half of each.
  const double toggles = static_cast<double>(operands[OperandCount::kInputToggles] +
                                             operands[OperandCount::kWeightToggles]);
  CHECK(difference("{base: horowitz-2014-45nm.yaml, data_dependence: {multiplier: toggled, share: "
                   "0.5, boundary: unit, source: a test}}") ==
        doctest::Approx(multiply * 0.5 * (toggles / 6 - 9 * 20 * 40)).epsilon(1e-6));
}

TEST_CASE("array energy: densities stand for values that are not there") {
  const std::string text =
      "accelerator: {base: accelerators/edge-16x16.yaml, array: {pe: {width: 8}}}\n"
      "energy: {base: horowitz-2014-45nm.yaml, data_dependence: {multiplier: gated, share: 0, "
      "boundary: unit, source: a test}}\n"
      "layer: {gemm: {m: 10, n: 10, k: 10}}\nvalues: off\n"
      "density: {inputs: 0.5, weights: 0.9}\n"
      "precision: {weights: {format: int8, granularity: per_channel}, activations: int8}\n";
  const LayerResult layer = layer_of(text);
  // 450 of 1000 multiplications, every addition; the mapper's estimate says the same.
  CHECK(component(layer, "array") == doctest::Approx(450 * 0.2 + 1000 * 0.1));
  CHECK(layer.mapping.estimate.energy_pj ==
        doctest::Approx(layer.energy.total.value).epsilon(1e-6));
  const auto refusal = [&](const std::vector<Override>& set) -> std::string {
    try {
      read_run(text_source("run.yaml", text), set);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  const auto notes = [&](const std::string& table) {
    return read_run(text_source("run.yaml", text), {{"energy", table}}).notes.size();
  };
  CHECK(notes("array-45nm.yaml") == 0);
  CHECK(notes("horowitz-2014-45nm.yaml") == 1);  // it gates nothing
  CHECK(refusal({{"values", "on"}}).find("density: for values: off") != std::string::npos);
  CHECK(refusal({{"operand_counts", "true"}}).find("operand_counts: needs values") !=
        std::string::npos);
  CHECK(refusal({{"energy.data_dependence.multiplier", "toggled"}})
            .find("by the bits that toggle, which a density does not tell") != std::string::npos);
  CHECK(refusal({{"density.inputs", "1.5"}}).find("density.inputs: expected 0..1") !=
        std::string::npos);
}

TEST_CASE("array energy: equal layers of a network with values count their own operands") {
  const auto simulated = [](const std::string& set) {
    return integer(run("--set values=on " + set).at("network").at("simulated_layers"));
  };
  CHECK(simulated("--set operand_counts=true") > simulated(""));
}

TEST_CASE("energy tables: rows that are none, are free or have no source are refused") {
  const auto says = [](const std::string& set, const std::string& text) {
    CAPTURE(set);
    const Outcome result =
        shell("{sim} check design-study.yaml --set energy=chip-45nm.yaml --set '" + set + "'");
    CAPTURE(result.text);
    CHECK(result.text.find(text) != std::string::npos);
  };
  const std::string row = "boundary: unit, source: a test}";
  says("energy.area.macs=[{type: int8, area: 0 um2, " + row + "]",
       "macs: int8: expected an area above zero");
  says("energy.area.macs=[{type: foo, area: 1 um2, " + row + "]",
       "macs: type: expected int8, fp16, ..., got \"foo\"");
  says("energy.area.scalable=0", "scalable: expected a factor above zero, got 0");
  says("energy.leakage=[{type: scalable foo, power: 1 mW, " + row + "]",
       "leakage: type: expected lane, int8, fp16, ..., scalable int8, ..., got \"scalable foo\"");
  says("energy.leakage=[{type: lane, power: 1 mW, boundary: unit}]",
       "leakage: lane: source: missing");
  says("energy.arithmetic=[{operation: add, type: int88x, energy: 1 pJ, " + row + "]",
       "arithmetic: type: expected int8, fp16, int4xint8, ..., got \"int88x\"");
  says("energy.scalable_multiplier={factor: 2, boundary: unit}",
       "scalable_multiplier: source: missing");
  says("energy.data_dependence={multiplier: gated, share: 0, boundary: unit}",
       "data_dependence: source: missing");
  says("energy.name=", "name");
  says("energy.source=\"\"", "source: expected a text, got none");
  says("energy.dram={per_access: {width: 64 bit, read: 1 pJ, write: 1 pJ, boundary: io}}",
       "source: missing: that of a table");
}

}  // namespace bitjoule::test::array_energy_test
