// Tilings that the memory's peak cannot tell apart take up to a tenth more or less time: the
// memory's own model chooses among them, under whatever objective time counts for.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/mapping/estimate.h"
#include "core/mapping/mapper.h"
#include "run/layer_runner.h"
#include "sim/schema/run_file.h"

namespace bitjoule::finalists_test {
namespace {

RunConfig run_of(const std::string& layer, std::vector<Override> more = {}) {
  more.insert(more.begin(), {{"layer", layer}, {"values", "off"}});
  return read_run(file_source("quickstart.yaml"), more);
}

MappingProblem problem_of(const RunConfig& run, const LayerRunner& runner) {
  MappingProblem p = make_problem(run.accelerator, runner.memory(), run.layer.op, run.precision,
                                  run.mapping, run.layer.stage);
  p.prices = std::make_shared<const Prices>(prices_of(run));
  return p;
}

struct Ran {
  double cycles, edp;
};
Ran ran(const RunConfig& run, MappingObjective objective) {
  LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  MappingPins pins = run.mapping;
  pins.objective = objective;
  const LayerResult result = runner.run(run.layer, run.precision, pins);
  const auto cycles = static_cast<double>(result.outcome.cycles.value);
  return {cycles, cycles * result.energy.total.value};
}

}  // namespace

TEST_CASE("finalists: a tiling walked from end to end takes the time of its run") {
  for (const char* layer : {"{gemm: {m: 100, n: 300, k: 200}}",
                            "{conv2d: {height: 14, width: 14, channels: 64, filters: 64, "
                            "kernel: [3, 3], padding: 1}}",
                            "{matmul: {batch: 500, m: 1, n: 3, k: 2}}"})
    for (const char* dataflow : {"ws", "os", "is"}) {
      CAPTURE(layer);
      CAPTURE(dataflow);
      const RunConfig run = run_of(layer, {{"accelerator.array.dataflow", dataflow}});
      LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
      const LayerResult result = runner.run(run.layer, run.precision, run.mapping);
      const MappingProblem p = configured(problem_of(run, runner), result.mapping);
      const Estimator estimator(p);
      MappingEstimate e = estimator.estimate(result.mapping.tiling);
      estimator.walk(result.mapping.tiling, e);
      CHECK(e.cycles == result.outcome.cycles.value);
      // It is not broken off where it may be in time, and else does not say that it was.
      const auto cycles = static_cast<double>(e.cycles);
      MappingEstimate other = estimator.estimate(result.mapping.tiling);
      CHECK(estimator.walk(result.mapping.tiling, other, 1.2 * cycles));
      CHECK(other.cycles == e.cycles);
      other = estimator.estimate(result.mapping.tiling);
      CHECK_FALSE(estimator.walk(result.mapping.tiling, other, 0.5 * cycles));
      CHECK_FALSE(other.walked);
      CHECK(static_cast<double>(other.cycles) >= 0.5 * cycles);
    }
}

TEST_CASE("finalists: edp of a long convolution is not above what other objectives reach") {
  // Of 210 tiles some twelve are walked, of the best twice as many: with refreshes, which cost one
  // tiling several times what another pays.
  const RunConfig run = run_of(
      "{conv2d: {height: 224, width: 224, channels: 64, filters: 64, kernel: [3, 3], "
      "padding: 1}}",
      {{"precision", "{weights: int8, activations: int8}"}});
  const double edp = ran(run, MappingObjective::kEdp).edp;
  for (const MappingObjective other :
       {MappingObjective::kTraffic, MappingObjective::kEnergy, MappingObjective::kCycles}) {
    CAPTURE(static_cast<int>(other));
    CHECK(edp <= 1.01 * ran(run, other).edp);
  }
}

TEST_CASE("finalists: equal tiles are among them though the memory's peak prefers fewer") {
  const RunConfig run = run_of("{gemm: {m: 512, n: 4096, k: 4096}}",
                               {{"accelerator.array", "{rows: 64, cols: 64, dataflow: os}"},
                                {"mapping", "{objective: cycles}"}});
  const LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
  const std::vector<Mapping> all = map_finalists(problem_of(run, runner), run.mapping);
  CHECK(std::any_of(all.begin(), all.end(), [](const Mapping& m) {
    return m.tiling.m() == 128 && m.tiling.n == 128 && m.tiling.k == 256;
  }));
}

TEST_CASE("finalists: the first is what a search for one objective alone finds") {
  // The other objectives are searched for behind it, with what it has found.
  for (const char* objective : {"cycles", "{energy: 1, cycles: 0.5}"}) {
    CAPTURE(objective);
    const RunConfig run =
        run_of("{gemm: {m: 196, n: 256, k: 512}}",
               {{"mapping", fmt::format("{{objective: {}, finalists: 6}}", objective)}});
    const LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
    const MappingProblem problem = problem_of(run, runner);
    const Mapping alone = map_layer(problem, run.mapping);
    const std::vector<Mapping> all = map_finalists(problem, run.mapping);
    REQUIRE(all.size() > 1);
    CHECK(all.front().boxes == alone.boxes);
    CHECK(all.front().estimated == alone.estimated);
    CHECK(all.front().estimate.cycles == alone.estimate.cycles);
    CHECK(all.front().tiling.m() == alone.tiling.m());
    CHECK(all.front().tiling.n == alone.tiling.n);
    CHECK(all.front().tiling.k == alone.tiling.k);
  }
}

}  // namespace bitjoule::finalists_test
