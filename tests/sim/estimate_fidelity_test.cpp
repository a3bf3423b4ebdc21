// `fidelity: estimate` against `fast`: what is counted and priced is equal, time is within what the
// result says of itself (docs/estimate.md).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/estimate.h"
#include "run/layer_runner.h"
#include "run/network_runner.h"
#include "run/simulation.h"
#include "sim/commands/kinds.h"
#include "sim/schema/run_file.h"
#include "support/estimate_cases.h"
#include "support/network_run.h"
#include "support/shell.h"

namespace bitjoule::estimate_fidelity_test {
namespace {

#ifdef __SANITIZE_ADDRESS__  // ten times slower; the figures are of all cases
constexpr int kLayers = 6;
constexpr std::size_t kNetworks = 2;
#else
constexpr int kLayers = 80;
constexpr std::size_t kNetworks = 24;
#endif
constexpr std::int64_t kMostBursts = 250'000;  // larger ones take long to simulate

RunConfig shipped_run(const std::string& dram, const std::string& workload) {
  return read_run(text_source("run",
                              "precision: {weights: int8, activations: int8}\n"
                              "accelerator: edge-16x16.yaml\nvalues: off\ndram: " +
                                  dram + "\n" + workload + "\n"));
}

/// Errors in percent of what is simulated.
class Errors {
 public:
  void add(std::int64_t estimated, std::int64_t simulated) {
    const double error =
        100 * (static_cast<double>(estimated) / static_cast<double>(simulated) - 1);
    sizes_.push_back(std::abs(error));
    sum_ += error;
  }
  std::size_t count() const { return sizes_.size(); }
  double mean() const { return sum_ / static_cast<double>(sizes_.size()); }
  /// The least that a share of them do not exceed.
  double quantile(double share) const {
    std::vector<double> all = sizes_;
    std::sort(all.begin(), all.end());
    return all[static_cast<std::size_t>(std::lround(share * static_cast<double>(all.size() - 1)))];
  }
  std::string text() const {
    return fmt::format("{}: mean {:.2f} %, median {:.2f} %, 95 % within {:.2f} %, worst {:.2f} %",
                       count(), mean(), quantile(0.5), quantile(0.95), quantile(1));
  }

 private:
  std::vector<double> sizes_;
  double sum_ = 0;
};

bool follows_from_time(const Action& a) {
  if (a.component == "dram")
    return a.activity == "activate" || a.activity.rfind("refresh", 0) == 0 ||
           a.activity.rfind("background", 0) == 0;
  return a.activity.rfind("leakage", 0) == 0 || a.component == "array_clock";
}

void check_equal(const MachineCounts& said, MachineCounts did) {
  for (const auto buffer :
       {&MachineCounts::input, &MachineCounts::weight, &MachineCounts::accumulator,
        &MachineCounts::output, &MachineCounts::scale})
    (did.*buffer).peak_bytes = 0;
  did.unified_peak_bytes = 0;
  CHECK(said == did);
}

/// All but what depends on when things happen.
void check_equal(const LayerResult& said, const LayerResult& did) {
  check_equal(said.outcome.counts, did.outcome.counts);
  CHECK(said.compute_cycles == did.compute_cycles);
  for (std::size_t t = 0; t < kTensors; ++t) {
    const TensorTraffic &a = said.outcome.traffic.tensors[t], &b = did.outcome.traffic.tensors[t];
    CHECK(a.read_bytes == b.read_bytes);
    CHECK(a.write_bytes == b.write_bytes);
    CHECK(a.bursts == b.bursts);
    CHECK(a.scale_read_bytes == b.scale_read_bytes);
    CHECK(a.scale_write_bytes == b.scale_write_bytes);
  }
  REQUIRE(said.counts.size() == did.counts.size());
  for (std::size_t i = 0; i < said.counts.size(); ++i) {
    CAPTURE(said.counts[i].activity);
    CHECK(said.counts[i].activity == did.counts[i].activity);
    if (!follows_from_time(said.counts[i])) CHECK(said.counts[i].count == did.counts[i].count);
  }
  CHECK(said.energy.total.value == did.energy.total.value);
  CHECK(said.outcome.stalls.total() == said.outcome.cycles.value);
  for (const std::int64_t cycles : said.outcome.stalls.cycles) CHECK(cycles >= 0);
  CHECK(said.outcome.evidence.held.total() == said.outcome.cycles.value);
}

struct LayerFigures {
  Errors errors;
  int bounds = 0;  ///< that are told as a run tells them
};

LayerFigures compare_layers(std::uint64_t seed) {
  LayerFigures figures;
  test::Dice d(seed);
  const std::vector<std::string> files = shipped_files("dram");
  for (int i = 0; i < kLayers; ++i) {
    const std::string& dram = files[static_cast<std::size_t>(i) % files.size()];
    RunConfig run = shipped_run(dram, "layer: {gemm: {m: 1, n: 1, k: 1}}");
    run.accelerator = test::random_machine(d);
    run.layer.op = test::random_network_op(d);
    const bool matrix = !std::holds_alternative<Conv2d>(run.layer.op);
    run.precision = test::random_network_precision(d, matrix);
    RunOptions estimate = run.options;
    estimate.fidelity = Fidelity::kEstimate;
    LayerRunner estimated(run.accelerator, run.dram, run.energy, estimate);
    LayerRunner fast(run.accelerator, run.dram, run.energy, run.options);
    LayerProgram program;
    try {
      program = fast.prepare(run.layer, run.precision, run.mapping);
    } catch (const Error&) {
      continue;  // no tile of it fits
    }
    if (program.mapping.estimate.traffic.total().bursts > kMostBursts) continue;
    CAPTURE(i);
    CAPTURE(dram);
    const LayerResult did = fast.run(run.layer, run.precision, program);
    program.program = {};
    const LayerResult said = estimated.run(run.layer, run.precision, program);
    check_equal(said, did);
    figures.errors.add(said.outcome.cycles.value, did.outcome.cycles.value);
    figures.bounds += std::string(said.bound()) == did.bound() ? 1 : 0;
  }
  return figures;
}

void check_layers(std::uint64_t seed) {
  const LayerFigures figures = compare_layers(seed);
  MESSAGE("seed ", seed, ", layers: ", figures.errors.text(), "; ", figures.bounds,
          " bounds as simulated");
  if (kLayers < 80) return;
  CHECK(figures.errors.count() >= 60);
  CHECK(figures.errors.quantile(0.5) < 1);
  CHECK(figures.errors.quantile(0.95) < 100 * kLayerTimeError);
  CHECK(figures.bounds > 0.8 * static_cast<double>(figures.errors.count()));
}

}  // namespace

TEST_CASE("estimate fidelity: layers count as fast does, time is within 3 % in 95 % of cases") {
  check_layers(20270101);
}

TEST_CASE("estimate fidelity: ... and of another seed") { check_layers(20270202); }

TEST_CASE("estimate fidelity: networks, vector operators among them") {
  constexpr std::uint64_t kSeed = 20270303;
  const char* const kWorkloads[] = {"network: mlperf-tiny-ic.yaml",
                                    "network: mlperf-tiny-kws.yaml",
                                    "network: mlperf-tiny-vww.yaml",
                                    "network: stories260k.yaml\nphase: decode",
                                    "network: stories15m.yaml\nphase: decode",
                                    "network: stories15m.yaml\nphase: prefill"};
  test::Dice d(kSeed);
  Errors networks, vectors;
  const std::vector<std::string> files = shipped_files("dram");
  for (std::size_t i = 0; i < kNetworks; ++i) {
    const std::string& dram = files[i % files.size()];
    RunConfig run = shipped_run(dram, kWorkloads[i % std::size(kWorkloads)]);
    run.accelerator = test::random_machine(d);
    CAPTURE(i);
    CAPTURE(dram);
    const auto result_of = [&](Fidelity fidelity) {
      run.options.fidelity = fidelity;
      return NetworkRunner(run, run.phases, make_machine(run.accelerator, run.dram, fidelity))
          .run();
    };
    NetworkResult said, did;
    try {
      said = result_of(Fidelity::kEstimate);
      did = result_of(Fidelity::kFast);
    } catch (const Error&) {
      continue;  // a row of a vector operator does not fit
    }
    REQUIRE(said.layers.size() == did.layers.size());
    for (std::size_t layer = 0; layer < said.layers.size(); ++layer) {
      CAPTURE(said.layers[layer].name);
      check_equal(said.layers[layer], did.layers[layer]);
      if (!said.layers[layer].op.empty() && did.layers[layer].outcome.cycles.value > 0)
        vectors.add(said.layers[layer].outcome.cycles.value,
                    did.layers[layer].outcome.cycles.value);
    }
    networks.add(said.passes.front().cycles, did.passes.front().cycles);
  }
  MESSAGE("seed ", kSeed, ", networks: ", networks.text());
  MESSAGE("their vector operators: ", vectors.text());
  if (kNetworks < 24) return;
  CHECK(networks.count() >= 15);
  CHECK(networks.quantile(0.95) < 100 * kNetworkTimeError);
}

TEST_CASE("estimate fidelity: what it does not know is refused or absent, not invented") {
  const auto refused = [](const std::string& arguments) {
    const test::Outcome outcome = test::shell("{sim} run quickstart.yaml " + arguments);
    CHECK(outcome.code == 2);
    return outcome.text;
  };
  CHECK(refused("--fidelity estimate --values on").find("values: on: fidelity: estimate") !=
        std::string::npos);
  CHECK(refused("--fidelity estimate --vcd wave.vcd").find("has no events") != std::string::npos);
  CHECK(refused("--fidelity estimate --network stories260k.yaml --set phase=decode --set "
                "overlap=layers")
            .find("overlap: layers: fidelity: estimate") != std::string::npos);
  const test::json::value fast = test::run("");
  const test::json::value said = test::run("--fidelity estimate");
  CHECK(fast.as_object().if_contains("estimate") == nullptr);
  CHECK(said.at("fidelity") == "estimate");
  CHECK(test::real(said.at("estimate").at("time_within")) == kNetworkTimeError);
  for (const char* key : {"latency_s", "row_hits", "commands", "data_bus_share", "timeline"}) {
    CAPTURE(key);
    CHECK(fast.at("dram").as_object().if_contains(key) != nullptr);
    CHECK(said.at("dram").as_object().if_contains(key) == nullptr);
  }
  CHECK(said.as_object().if_contains("timelines") == nullptr);
  CHECK(said.at("sram").at("input").as_object().if_contains("peak_bytes") == nullptr);
  for (const char* key : {"macs", "padded_macs", "compute_cycles"})
    CHECK(said.at(key) == fast.at(key));
  CHECK(said.at("energy").at("total_pj") == fast.at("energy").at("total_pj"));
  CHECK(said.at("dram").at("per_tensor") == fast.at("dram").at("per_tensor"));
}

}  // namespace bitjoule::estimate_fidelity_test
