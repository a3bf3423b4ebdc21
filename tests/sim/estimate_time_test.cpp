// The time that an estimate says, against that which the machine takes on the shipped memories.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/estimate.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "run/layer_runner.h"
#include "run/simulation.h"
#include "sim/commands/kinds.h"
#include "sim/schema/run_file.h"
#include "support/estimate_cases.h"

namespace bitjoule::estimate_time_test {
namespace {

constexpr std::uint64_t kSeeds[] = {20261130, 31337};
#ifdef __SANITIZE_ADDRESS__  // ten times slower; the figures are of all cases
constexpr int kCases = 6;
#else
constexpr int kCases = 90;
#endif
constexpr std::int64_t kMostBursts = 400'000;  // larger ones take long to simulate

DramConfig shipped_dram(const std::string& file) {
  const std::string text =
      "layer: {gemm: {m: 1, n: 1, k: 1}}\nprecision: {weights: int8, activations: int8}\n"
      "accelerator: edge-16x16.yaml\ndram: " +
      file + "\n";
  return read_run(text_source("run", text)).dram;
}

/// The least of `all` that a share of them do not exceed.
double quantile(std::vector<double> all, double share) {
  std::sort(all.begin(), all.end());
  const auto last = static_cast<double>(all.size() - 1);
  return all[static_cast<std::size_t>(std::lround(share * last))];
}

void check_seed(std::uint64_t seed) {
  test::Dice d(seed);
  std::vector<double> sizes;  // of errors, in percent
  double sum = 0;
  int all = 0;
  const std::vector<std::string> files = shipped_files("dram");
  for (int i = 0; i < kCases; ++i) {
    const std::string& file = files[static_cast<std::size_t>(i) % files.size()];
    const AcceleratorConfig machine = test::random_machine(d);
    const LayerOp op = test::random_network_op(d);
    const bool matrix = !std::holds_alternative<Conv2d>(op);
    const Precision precision = test::random_network_precision(d, matrix);
    const auto simulation = make_simulation(machine, shipped_dram(file), Fidelity::kFast);
    Mapping mapping;
    MappingProblem p;
    try {
      p = make_problem(machine, simulation->memory(), op, precision, {});
      mapping = map_layer(p);
    } catch (const Error&) {
      continue;  // no tile of it fits
    }
    p = configured(p, mapping);
    mapping.estimate = estimate(p, mapping.tiling);  // refined, as it is shown
    if (mapping.estimate.traffic.total().bursts > kMostBursts) continue;
    const LayerOutcome outcome =
        simulation->run({p, mapping, make_program(p, mapping.tiling)}, nullptr, nullptr, {}, {});
    const double error = 100.0 * (static_cast<double>(mapping.estimate.cycles) /
                                      static_cast<double>(outcome.cycles.value) -
                                  1);
    INFO(i, ": ", file, ", estimated ", mapping.estimate.cycles, ", simulated ",
         outcome.cycles.value);
    CHECK(std::abs(error) < 15);
    sizes.push_back(std::abs(error));
    sum += error;
    ++all;
  }
  const double mean = sum / all;
  MESSAGE("seed ", seed, ": ", all, " layers, error in %: mean ", mean, ", median ",
          quantile(sizes, 0.5), ", 95 % of them within ", quantile(sizes, 0.95), ", worst ",
          quantile(sizes, 1));
  if (kCases < 90) return;
  CHECK(all >= 85);
  CHECK(quantile(sizes, 0.5) < 0.5);
  CHECK(quantile(sizes, 0.95) < 3);
  CHECK(std::abs(mean) < 0.5);
}

}  // namespace

// docs/estimate.md states these bounds.
TEST_CASE("estimate: time is within a percent, mostly, and has no sign") {
  for (const std::uint64_t seed : kSeeds) check_seed(seed);
}

}  // namespace bitjoule::estimate_time_test
