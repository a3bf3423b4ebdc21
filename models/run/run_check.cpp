#include "run/run_check.h"

#include <fmt/format.h>

#include <functional>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "run/quantize_passes.h"

namespace bitjoule {
namespace {

/// What is asked of a layer with MACs, and of a vector operator.
struct Checks {
  std::function<void(const MappingProblem&)> mac;
  std::function<void(const MappingProblem&, const VectorOp&)> vector;
};

void check_layer(const RunConfig& run, const MemoryPort& memory, const NetworkLayer& layer,
                 const Checks& checks) {
  const auto check = [&](const auto& op) {
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>) {
      MappingProblem problem =
          make_vector_problem(run.accelerator, memory, vector_formats(layer, run.precision));
      problem.activations = run.mapping.activations;
      checks.vector(problem, op);
    } else {
      checks.mac(make_problem(run.accelerator, memory, op, layer_precision(layer, run.precision),
                              run.mapping, {layer.bias, layer.activation}));
    }
  };
  try {
    std::visit(check, layer.op);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("layer \"{}\": {}", layer.name, e.what()));
  }
}

void check_layers(const RunConfig& run, const Checks& checks) {
  const MemoryPort memory = memory_port(run.dram, run.accelerator.clock);
  if (run.phases.empty()) {
    checks.mac(make_problem(run.accelerator, memory, run.layer.op, run.precision, run.mapping,
                            run.layer.stage));
    const LayerPasses passes = quantize_passes(run.layer, run.precision);
    for (const auto* list : {&passes.before, &passes.after})
      for (const QuantizePass& pass : *list) {
        MappingProblem problem = make_vector_problem(run.accelerator, memory, pass.formats);
        problem.activations = run.mapping.activations;
        checks.vector(problem, pass.op);
      }
  }
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : with_quantize_passes(phase.network, run.precision).layers)
      check_layer(run, memory, layer, checks);
}

}  // namespace

RunSize check_formats(const RunConfig& run) {
  RunSize size;
  check_layers(run, {[&](const MappingProblem& p) {
                       const GemmExtents& e = p.layer.extents;
                       size.macs += static_cast<double>(e.macs());
                       size.weights += static_cast<double>(e.groups * e.n * e.k);
                     },
                     [](const MappingProblem&, const VectorOp&) {}});
  return size;
}

void check_fit(const RunConfig& run) {
  check_layers(run,
               {[&](const MappingProblem& p) { map_layer(p, run.mapping); },
                [](const MappingProblem& p, const VectorOp& op) { make_vector_program(p, op); }});
}

}  // namespace bitjoule
