// What it takes to map the layers of networks: the processor's time, of each distinct layer once.
//
// Counters: `layers`; `total_ms` of all of them, and of one the `mean_ms` and `worst_ms`; tilings
// whose time was estimated, and the widest gap that the bounds left.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <time.h>

#include <map>
#include <string>

#include "core/error.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

double process_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Case {
  std::string name;
  MappingProblem problem;
};

/// The distinct layers with MACs of a network, or of one layer.
std::vector<Case> cases_of(const RunConfig& run) {
  const auto prices = std::make_shared<const Prices>(prices_of(run));
  const MemoryPort memory = memory_port(run.dram, run.accelerator.clock);
  std::map<std::string, Case> distinct;
  const auto add = [&](const std::string& name, const LayerOp& op, const Precision& precision,
                       const OutputStage& stage) {
    MappingProblem p = make_problem(run.accelerator, memory, op, precision, run.mapping, stage);
    p.prices = prices;
    distinct.emplace(key_text(op) + key_text(stage) + key_text(precision), Case{name, p});
  };
  if (run.phases.empty()) add(run.layer.name, run.layer.op, run.precision, run.layer.stage);
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : phase.network.layers)
      std::visit(
          [&](const auto& op) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, VectorOp>)
              add(layer.name, op, layer_precision(layer, run.precision),
                  {layer.bias, layer.activation});
          },
          layer.op);
  std::vector<Case> cases;
  for (auto& [key, each] : distinct) cases.push_back(std::move(each));
  return cases;
}

void map_all(benchmark::State& state, const RunConfig& run, MappingObjective objective) {
  const std::vector<Case> cases = cases_of(run);
  MappingPins pins = run.mapping;
  pins.objective = objective;
  double total = 0, worst = 0, gap = 0;
  std::int64_t estimated = 0, boxes = 0;
  for (auto _ : state)
    for (const Case& c : cases) {
      const double start = process_seconds();
      const Mapping m = map_layer(c.problem, pins);
      const double taken = process_seconds() - start;
      total += taken;
      worst = std::max(worst, taken);
      gap = std::max(gap, m.gap);
      estimated += m.estimated;
      boxes += m.boxes;
    }
  const auto runs = static_cast<double>(state.iterations());
  const auto layers = static_cast<double>(cases.size());
  state.counters["layers"] = layers;
  state.counters["total_ms"] = total * 1000 / runs;
  state.counters["mean_ms"] = total * 1000 / runs / layers;
  state.counters["worst_ms"] = worst * 1000;
  state.counters["boxes"] = static_cast<double>(boxes) / runs;
  state.counters["estimated"] = static_cast<double>(estimated) / runs;
  state.counters["gap"] = gap;
}

void add(const std::string& name, const std::string& file, const std::vector<Override>& overrides) {
  for (const auto& [objective, label] :
       {std::pair(MappingObjective::kEdp, "edp"), std::pair(MappingObjective::kCycles, "cycles")})
    benchmark::RegisterBenchmark(fmt::format("{}/{}", name, label).c_str(),
                                 [=, objective = objective](benchmark::State& state) {
                                   map_all(state, read_run(file_source(file), overrides),
                                           objective);
                                 })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
}

const bool kRegistered = [] {
  for (const std::string machine :
       {"edge-32x32", "edge-16x16", "gemmini-16x16", "edge-32x32-unified"})
    for (const std::string network : {"resnet50", "mobilenet-v2", "vgg16", "bert-base"})
      add(network + "/" + machine, "resnet50.yaml",
          {{"accelerator", machine + ".yaml"}, {"network", network + ".yaml"}});
  add("llama2-7b/prefill", "llama2-7b-decode.yaml", {{"phase", "prefill"}});
  add("llama2-7b/decode", "llama2-7b-decode.yaml", {});
  for (const std::string machine : {"a", "b", "c"})
    add("article-" + machine, "article-" + machine + ".yaml", {});
  for (const std::string layer :
       {"{gemm: {m: 16, n: 16, k: 16}}", "{matmul: {batch: 5000, m: 1, n: 3, k: 2}}"})
    add(layer, "quickstart.yaml", {{"layer", layer}});
  return true;
}();

}  // namespace
}  // namespace bitjoule
