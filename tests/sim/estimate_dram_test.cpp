// `fidelity: estimate` against `fast` by the DRAM's own prices: commands that are counted are
// equal, those of time and the states of ranks are as near as docs/estimate.md says.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/index.h"
#include "run/layer_runner.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"
#include "sim/schema/run_file.h"
#include "support/estimate_cases.h"

namespace bitjoule::test::estimate_dram_test {
namespace {

#ifdef __SANITIZE_ADDRESS__  // ten times slower; the figures are of all cases
constexpr int kLayers = 6;
#else
constexpr int kLayers = 48;
#endif
constexpr std::int64_t kMostBursts = 100'000;  // larger ones take long to simulate

std::vector<std::string> priced_drams() {
  std::vector<std::string> files;
  for (const std::string& file : shipped_files("dram"))
    if (read_document<DramConfig>(file_source(file), {}).energy) files.push_back(file);
  REQUIRE(files.size() == 9);
  return files;
}

/// A random layer on a random machine at both fidelities.
struct Pair {
  LayerResult said, did;
};

std::optional<Pair> run_pair(Dice& d, const std::string& dram) {
  RunConfig run = read_run(text_source("run",
                                       "precision: {weights: int8, activations: int8}\n"
                                       "accelerator: edge-16x16.yaml\nvalues: off\n"
                                       "dram_prices: device\nlayer: {gemm: {m: 1, n: 1, k: 1}}\n"
                                       "dram: " +
                                           dram + "\n"));
  run.accelerator = random_machine(d);
  run.layer.op = random_network_op(d);
  run.precision = random_network_precision(d, !std::holds_alternative<Conv2d>(run.layer.op));
  RunOptions estimate = run.options;
  estimate.fidelity = Fidelity::kEstimate;
  LayerRunner estimated(run.accelerator, run.dram, run.energy, estimate);
  LayerRunner fast(run.accelerator, run.dram, run.energy, run.options);
  LayerProgram program;
  try {
    program = fast.prepare(run.layer, run.precision, run.mapping);
  } catch (const Error&) {
    return std::nullopt;  // no tile of it fits
  }
  if (program.mapping.estimate.traffic.total().bursts > kMostBursts) return std::nullopt;
  Pair pair;
  pair.did = fast.run(run.layer, run.precision, program);
  program.program = {};
  pair.said = estimated.run(run.layer, run.precision, program);
  return pair;
}

double dram_pj(const LayerResult& layer, const std::string& part) {
  double sum = 0;
  for (const ComponentEnergy& row : layer.energy.by_device->parts)
    if (row.component.rfind("dram_" + part, 0) == 0) sum += row.energy.value;
  return sum;
}

std::int64_t count(const LayerResult& layer, const std::string& activity) {
  for (const Action& row : layer.counts)
    if (row.component == "dram" && row.activity == activity) return row.count;
  return 0;
}

/// The least that a share of the values do not exceed.
double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[at(std::lround(share * static_cast<double>(values.size() - 1)))];
}

/// Deviations in percent of what is simulated, by part of the DRAM's energy.
using Deviations = std::map<std::string, std::vector<double>>;

Deviations compare(std::uint64_t seed, const std::string& set) {
  Deviations deviations;
  Dice d(seed);
  const std::vector<std::string> files = priced_drams();
  for (int i = 0; i < kLayers; ++i) {
    const std::string dram =
        "{base: " + files[static_cast<std::size_t>(i) % files.size()] + set + "}";
    const std::optional<Pair> pair = run_pair(d, dram);
    if (!pair) continue;
    CAPTURE(i);
    CAPTURE(dram);
    const LayerResult &said = pair->said, &did = pair->did;
    REQUIRE(said.energy.by_device);
    for (const char* activity : {"read", "write", "phy", "read_burst", "write_burst"}) {
      CAPTURE(activity);
      CHECK(count(said, activity) == count(did, activity));
    }
    for (const char* part : {"read_burst", "write_burst", "read_io", "write_io"}) {
      CAPTURE(part);
      CHECK(dram_pj(said, part) == dram_pj(did, part));
    }
    // Refreshes fall due: as many as the time has, one more or less in each rank.
    const double time = static_cast<double>(said.outcome.cycles.value) /
                        static_cast<double>(did.outcome.cycles.value);
    for (const char* activity : {"refresh", "refresh_bank"}) {
      CAPTURE(activity);
      CHECK(std::abs(static_cast<double>(count(said, activity)) -
                     time * static_cast<double>(count(did, activity))) <=
            1.01 * static_cast<double>(did.outcome.dram->ranks));
    }
    const auto add = [&](const std::string& what, double a, double b) {
      if (b > 0) deviations[what].push_back(100 * (a / b - 1));
    };
    add("standby, time aside", dram_pj(said, "background") / time, dram_pj(did, "background"));
    add("activates", dram_pj(said, "activate"), dram_pj(did, "activate"));
    add("DRAM", said.energy.by_device->dram.value, did.energy.by_device->dram.value);
    add("all", said.energy.total.value, did.energy.total.value);
  }
  for (auto& [what, values] : deviations) {
    for (double& value : values) value = std::abs(value);
    MESSAGE(set << ": " << what << ", " << values.size() << " layers: median "
                << quantile(values, 0.5) << " %, 95 % within " << quantile(values, 0.95)
                << " %, worst " << quantile(values, 1) << " %");
  }
  return deviations;
}

}  // namespace

TEST_CASE("estimate dram: open pages, refreshes of all banks") {
  Deviations all = compare(20270404, "");
  if (kLayers < 48) return;
  CHECK(all["DRAM"].size() >= 30);
  CHECK(quantile(all["standby, time aside"], 0.5) < 0.1);
  CHECK(quantile(all["standby, time aside"], 0.95) < 2);
  CHECK(quantile(all["DRAM"], 0.95) < 2);
  CHECK(quantile(all["all"], 0.95) < 2);
}

TEST_CASE("estimate dram: closed pages") {
  Deviations all = compare(20270405, ", controller: {page_policy: closed}");
  if (kLayers < 48) return;
  CHECK(quantile(all["DRAM"], 0.95) < 2);
}

TEST_CASE("estimate dram: refreshes of single banks are counted and priced") {
  Dice d(20270406);
  int pairs = 0;
  for (const char* dram : {"lpddr4-3200.yaml", "lpddr5-6400.yaml"})
    for (int i = 0; i < 6; ++i) {
      const std::optional<Pair> pair =
          run_pair(d, std::string("{base: dram/") + dram + ", controller: {refresh: per_bank}}");
      if (!pair) continue;
      CAPTURE(dram);
      ++pairs;
      const LayerResult &said = pair->said, &did = pair->did;
      const double time = static_cast<double>(said.outcome.cycles.value) /
                          static_cast<double>(did.outcome.cycles.value);
      CHECK(count(said, "refresh") == 0);
      CHECK(std::abs(static_cast<double>(count(said, "refresh_bank")) -
                     time * static_cast<double>(count(did, "refresh_bank"))) <= 1.01);
      CHECK(said.energy.by_device->dram.value ==
            doctest::Approx(did.energy.by_device->dram.value).epsilon(0.05));
    }
  CHECK(pairs >= 6);
}

}  // namespace bitjoule::test::estimate_dram_test
