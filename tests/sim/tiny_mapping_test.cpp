// Layers of a few dozen bursts, of which sweeps have thousands: their mappings against tilings of
// few tiles in every order of the loops, each put to the memory's own model. The mapper shares with
// this search but the estimate of a tiling.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/walked_time.h"
#include "run/layer_runner.h"
#include "sim/schema/run_file.h"

namespace bitjoule::tiny_mapping_test {
namespace {

constexpr unsigned kSeed = 20261130;
#ifdef __SANITIZE_ADDRESS__  // ten times slower
constexpr int kLayers = 3;
#else
constexpr int kLayers = 24;
#endif
constexpr std::int64_t kMostTiles = 3;  // along each axis

MappingProblem tiny_problem(const std::string& layer, const std::string& rows) {
  const RunConfig run =
      read_run(file_source("quickstart.yaml"),
               {{"layer", layer}, {"values", "off"}, {"accelerator.array.rows", rows}});
  MappingProblem p = make_problem(run.accelerator, memory_port(run.dram, run.accelerator.clock),
                                  run.layer.op, run.precision, run.mapping, run.layer.stage);
  p.prices = std::make_shared<const Prices>(prices_of(run));
  return p;
}

double cost(const MappingEstimate& e, MappingObjective objective) {
  const auto cycles = static_cast<double>(e.cycles);
  return objective == MappingObjective::kCycles ? cycles : cycles * e.energy_pj;
}

/// Calls f(tiling) for all with so few tiles, each as even as it can be.
template <class F>
void each_tiling(const MappingProblem& p, F f) {
  const GemmExtents& e = p.layer.extents;
  constexpr LoopDim kM = LoopDim::kM, kN = LoopDim::kN, kK = LoopDim::kK;
  const std::array<LoopDim, 3> orders[] = {{kM, kN, kK}, {kM, kK, kN}, {kN, kM, kK},
                                           {kN, kK, kM}, {kK, kM, kN}, {kK, kN, kM}};
  for (std::int64_t m = 1; m <= std::min(e.m, kMostTiles); ++m)
    for (std::int64_t n = 1; n <= std::min(e.n, kMostTiles); ++n)
      for (std::int64_t k = 1; k <= std::min(e.k, kMostTiles); ++k)
        for (const auto& order : orders) {
          Tiling t;
          t.out_cols = ceil_div(e.m, m);
          t.n = ceil_div(e.n, n);
          t.k = ceil_div(e.k, k);
          t.order = order;
          if (fits(p, t, tile_footprint(p, t))) f(t);
        }
}

}  // namespace

TEST_CASE("mapper: what memories make of layers of few bursts decides between their tilings") {
  std::mt19937 random(kSeed);
  const auto pick = [&](unsigned most) { return 1 + random() % most; };
  for (const MappingObjective objective : {MappingObjective::kEdp, MappingObjective::kCycles}) {
    double worst = 0, sum = 0;
    for (int i = 0; i < kLayers; ++i) {
      const std::string layer = fmt::format("{{gemm: {{m: {}, n: {}, k: {}}}}}",
                                            pick(i % 2 == 0 ? 4 : 40), pick(60), pick(80));
      const std::string rows = fmt::format("{}", 2 * pick(10));
      CAPTURE(layer);
      CAPTURE(rows);
      const MappingProblem p = tiny_problem(layer, rows);
      MappingPins pins;
      pins.objective = objective;
      const Mapping chosen = map_layer(p, pins);
      const double own = cost(estimate(configured(p, chosen), chosen.tiling), objective);
      const Estimator estimator(p);
      double least = own;
      each_tiling(p, [&](const Tiling& t) {
        MappingEstimate e = estimator.estimate(t);
        const MappingEstimate at_peak = estimator.lower_bound(t, estimator.count(t));
        CHECK(estimator.walk(t, e));
        CHECK(e.cycles >= least_walked(p.memory, at_peak.cycles));
        least = std::min(least, cost(e, objective));
      });
      CHECK(own <= 1.06 * least);
      worst = std::max(worst, own / least);
      sum += own / least;
    }
    MESSAGE("seed ", kSeed, ": ", kLayers, " layers, of the least on average ", sum / kLayers,
            ", at worst ", worst);
    CHECK(sum / kLayers <= 1.01);
  }
}

}  // namespace bitjoule::tiny_mapping_test
