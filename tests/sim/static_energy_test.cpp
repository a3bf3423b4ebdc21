#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/mapping/machine_parts.h"
#include "run/layer_runner.h"
#include "run/machine.h"
#include "run/power.h"
#include "run/run_parts.h"
#include "sim/result/result_json.h"
#include "sim/schema/run_file.h"

namespace bitjoule::static_energy_test {
namespace {

std::string run_text(const std::string& more = "") {
  return "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 40, n: 48, k: 500}}\nvalues: off\n"
         "energy: chip-45nm.yaml\n"
         "precision: {weights: int8, activations: int8}\n" +
         more;
}

RunConfig run_of(const std::string& text) { return read_run(text_source("run.yaml", text)); }

double at(const boost::json::value& result, const std::string& pointer) {
  return result.at_pointer(pointer).to_number<double>();
}

/// Of a component's leakage: picojoules, and unit-nanoseconds.
double leakage_of(const EnergyReport& report, const std::string& component, std::int64_t* count) {
  double sum = 0;
  *count = 0;
  for (const PricedAction& row : report.actions)
    if (row.action.component == component && row.action.activity.rfind("leakage", 0) == 0) {
      sum += row.energy.value;
      *count += row.action.count;
    }
  return sum;
}

}  // namespace

TEST_CASE("static energy: every part leaks for the whole run's time") {
  const RunConfig run = run_of(run_text());
  const Result result = Machine(run).run();
  const LayerResult& layer = result.layer();
  const std::int64_t ns = layer.outcome.cycles.value * 1'000'000'000 / run.accelerator.clock.value;
  std::int64_t count = 0;
  // The PE's 32 bits hold four MACs of int8: BitFusion's 0.016105 mW each.
  const double array = leakage_of(layer.energy, "array", &count);
  CHECK(count == 16 * 16 * 4 * ns);
  CHECK(array == doctest::Approx(0.016105 * 16 * 16 * 4 * static_cast<double>(ns)));
  const BufferConfig& input = run.accelerator.buffers.input;
  leakage_of(layer.energy, "input_buffer", &count);
  CHECK(count == input.banks * ns);
  double sum = 0;
  for (const ComponentEnergy& row : layer.energy.fixed_components) sum += row.energy.value;
  CHECK(sum == layer.energy.fixed.value);
  CHECK(layer.energy.fixed.value > 0);
}

TEST_CASE("static energy: an estimate counts it as a run does") {
  const RunConfig run = run_of(run_text());
  MappingProblem p = make_problem(run.accelerator, memory_port(run.dram, run.accelerator.clock),
                                  run.layer.op, run.precision, run.mapping, run.layer.stage);
  auto prices = std::make_shared<Prices>(prices_of(run));
  p.prices = prices;
  const Mapping mapping = map_layer(p, run.mapping);
  const double with = estimate(p, mapping.tiling).energy_pj;
  auto still = std::make_shared<Prices>(*prices);
  still->parts.clear();
  p.prices = still;
  const MappingEstimate e = estimate(p, mapping.tiling);
  Counts leakage;
  append_leakage(prices->parts, whole_nanoseconds(Cycles(e.cycles), run.accelerator.clock),
                 &leakage);
  REQUIRE(!leakage.empty());
  CHECK(with - e.energy_pj ==
        doctest::Approx(price(leakage, prices->table).total.value).epsilon(1e-9));
}

TEST_CASE(
    "power: bins times their time are the energy, with average, highest, area and what follows") {
  const RunConfig run = run_of(
      "accelerator: edge-16x16.yaml\nnetwork: mlperf-tiny-ad.yaml\nenergy: chip-45nm.yaml\n"
      "precision: {weights: int8, activations: int8}\n");
  const Result result = Machine(run).run();
  const boost::json::value json = result_json(run, result);
  const double energy = at(json, "/energy/total_pj") * 1e-12, time = at(json, "/time_s");
  const PowerTimeline power = power_of(result.layers());
  REQUIRE(power.watts.size() > 1);
  double sum = 0;
  for (std::size_t i = 0; i < power.watts.size(); ++i)
    sum += power.watts[i] * std::min(power.bin_s, time - static_cast<double>(i) * power.bin_s);
  CHECK(sum == doctest::Approx(energy).epsilon(1e-6));
  CHECK(at(json, "/power/average_w") == doctest::Approx(energy / time));
  CHECK(at(json, "/power/peak_w") == power.highest());
  CHECK(at(json, "/power/peak_w") >= at(json, "/power/average_w"));
  CHECK(at(json, "/power/tops_per_w") == doctest::Approx(2e-12 * at(json, "/macs") / energy));
  CHECK(at(json, "/energy/dynamic_pj") + at(json, "/energy/static_pj") ==
        doctest::Approx(energy * 1e12));
  double mm2 = 0, chip = 0;
  for (const auto& row : json.at_pointer("/area/components").as_object())
    mm2 += row.value().to_number<double>();
  CHECK(at(json, "/area/total_mm2") == doctest::Approx(mm2));
  for (const auto& row : json.at_pointer("/energy/components").as_object())
    if (row.key() != "dram") chip += row.value().to_number<double>();
  CHECK(at(json, "/area/power_density_w_per_mm2") == doctest::Approx(chip * 1e-12 / time / mm2));
  CHECK(at(json, "/area/tops_per_mm2") == doctest::Approx(2e-12 * at(json, "/macs") / time / mm2));
}

TEST_CASE("voltage: a run's on-chip energy falls with its square, its DRAM's does not") {
  const RunConfig nominal = run_of(run_text("dram: ideal.yaml\n"));
  RunConfig lower = nominal;
  lower.accelerator.voltage = Volts(0.81);  // 0.9 of the nominal 0.9 V
  const EnergyReport a = Machine(nominal).run().layer_passes.front().energy;
  const EnergyReport b = Machine(lower).run().layer_passes.front().energy;
  REQUIRE(a.actions.size() == b.actions.size());
  for (std::size_t i = 0; i < a.actions.size(); ++i) {
    const Action& action = a.actions[i].action;
    CAPTURE(action.component + "." + action.activity);
    const double factor = action.component == "dram"                 ? 1
                          : action.activity.rfind("leakage", 0) == 0 ? std::pow(0.9, 2.5)
                                                                     : 0.81;
    CHECK(b.actions[i].energy.value ==
          doctest::Approx(a.actions[i].energy.value * factor).epsilon(1e-9));
  }
}

TEST_CASE("power: bins sum to the energy in runs that are shorter than one, and at any clock") {
  for (const char* clock : {"1 GHz", "333 MHz", "1.7 GHz"})
    for (const char* size :
         {"{m: 1, n: 1, k: 1}", "{m: 2, n: 16, k: 33}", "{m: 64, n: 64, k: 64}"}) {
      CAPTURE(clock);
      CAPTURE(size);
      const std::string text =
          "accelerator: edge-16x16.yaml\nvalues: off\nenergy: chip-45nm.yaml\n"
          "precision: {weights: int8, activations: int8}\nlayer: {gemm: " +
          std::string(size) + "}\n";
      const RunConfig run = read_run(text_source("run.yaml", text), {{"accelerator.clock", clock}});
      const Result result = Machine(run).run();
      const boost::json::value json = result_json(run, result);
      const double energy = at(json, "/energy/total_pj") * 1e-12, time = at(json, "/time_s");
      const double bin = at(json, "/power/timeline/bin_s");
      const boost::json::array& watts = json.at_pointer("/power/timeline/watts").as_array();
      double sum = 0;
      for (std::size_t i = 0; i < watts.size(); ++i)
        sum += watts[i].to_number<double>() *
               std::max(0.0, std::min(bin, time - static_cast<double>(i) * bin));
      CHECK(sum == doctest::Approx(energy).epsilon(1e-9));
    }
}

TEST_CASE("area: the default table knows none, says so, and its energies are without leakage") {
  RunConfig run = run_of(
      "accelerator: edge-16x16.yaml\nlayer: {gemm: {m: 8, n: 8, k: 8}}\nvalues: off\n"
      "precision: {weights: int8, activations: int8}\n");
  const Result result = Machine(run).run();
  const boost::json::value json = result_json(run, result);
  CHECK(json.at_pointer("/area/total_mm2").is_null());
  CHECK(at(json, "/energy/static_pj") == 0);
  std::size_t leaking = 0;
  for (const PricedAction& row : result.layer().energy.unpriced())
    leaking += row.action.activity.rfind("leakage", 0) == 0;
  CHECK(leaking == 9);  // the array, five buffers, dequantizer, output and vector unit
}

}  // namespace bitjoule::static_energy_test
