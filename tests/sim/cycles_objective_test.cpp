// The objective `cycles` keeps its word: of the shipped networks' layers none is simulated more
// than 1 % slower than under another objective, on any shipped machine.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "sim/schema/run_file.h"

namespace bitjoule::cycles_objective_test {
namespace {

#ifdef __SANITIZE_ADDRESS__  // ten times slower
constexpr std::size_t kLayers = 1;
#else
constexpr std::size_t kLayers =
    4;  // of a network on a machine, every other machine begins elsewhere
#endif
constexpr double kMostMacs = 6e7;  // larger ones take long to simulate

struct DistinctLayer {
  Layer layer;
  Precision precision;
};

/// The layers with MACs of a run's first phase, each shape once.
std::vector<DistinctLayer> distinct_layers(const RunConfig& run) {
  std::map<std::string, DistinctLayer> distinct;
  for (const NetworkLayer& layer : run.phases.front().network.layers)
    std::visit(
        [&](const auto& op) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, VectorOp>) {
            if (static_cast<double>(gemm_extents(op).macs()) > kMostMacs) return;
            DistinctLayer one;
            one.layer.name = layer.name;
            one.layer.op = op;
            one.layer.stage = {layer.bias, layer.activation};
            one.precision = layer_precision(layer, run.precision);
            distinct.emplace(key_text(one.layer.op) + key_text(one.precision), one);
          }
        },
        layer.op);
  std::vector<DistinctLayer> all;
  for (auto& [key, one] : distinct) all.push_back(one);
  return all;
}

std::int64_t cycles_under(LayerRunner& runner, const DistinctLayer& one, MappingPins pins,
                          MappingObjective objective) {
  pins.objective = objective;
  return runner.run(one.layer, one.precision, pins).outcome.cycles.value;
}

}  // namespace

TEST_CASE("mapper: no layer is faster under another objective than under cycles") {
  double worst = 0;
  int compared = 0;
  std::size_t begin = 0;
  for (const char* network : {"mobilenet-v1", "mobilenet-v2", "resnet18", "resnet50", "bert-base",
                              "alexnet", "mlperf-tiny-kws", "stories15m", "gpt2"})
    for (const char* machine : {"edge-16x16", "edge-32x32", "edge-32x32-unified", "gemmini-16x16",
                                "tpu-v1-like", "scalesim"}) {
      const RunConfig run =
          read_run(file_source("resnet50.yaml"), {{"accelerator", std::string(machine) + ".yaml"},
                                                  {"network", std::string(network) + ".yaml"},
                                                  {"values", "off"}});
      LayerRunner runner(run.accelerator, run.dram, run.energy, run.options);
      const std::vector<DistinctLayer> layers = distinct_layers(run);
      for (std::size_t i = 0; i < std::min(kLayers, layers.size()); ++i) {
        const DistinctLayer& one = layers[(begin + i) % layers.size()];
        CAPTURE(network);
        CAPTURE(machine);
        CAPTURE(one.layer.name);
        const std::int64_t cycles =
            cycles_under(runner, one, run.mapping, MappingObjective::kCycles);
        for (const MappingObjective other :
             {MappingObjective::kEdp, MappingObjective::kEnergy, MappingObjective::kTraffic}) {
          CAPTURE(static_cast<int>(other));
          const std::int64_t others = cycles_under(runner, one, run.mapping, other);
          CHECK(static_cast<double>(cycles) <= 1.01 * static_cast<double>(others));
          worst = std::max(worst, static_cast<double>(cycles) / static_cast<double>(others));
          ++compared;
        }
      }
      begin += kLayers;
    }
  MESSAGE(compared, " comparisons; cycles takes ", worst, " of another objective's time at most");
}

}  // namespace bitjoule::cycles_objective_test
