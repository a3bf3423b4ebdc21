#include "sim/run/layer_runner.h"

#include <fmt/format.h>

#include "core/dram/actions.h"
#include "core/error.h"
#include "core/mapping/folds.h"
#include "sim/run/output_check.h"
#include "sim/run/quantize_passes.h"

namespace bitjoule {
namespace {

void require_conserved(bool holds, const std::string& what) {
  if (!holds) throw Error(ErrorKind::kVerification, "conservation check failed: " + what);
}

void check_conservation(const LayerResult& r, const Program& program) {
  const LayerOutcome& o = r.outcome;
  require_conserved(
      o.counts.macs == r.extents.macs(),
      fmt::format("{} MACs executed, the layer has {}", o.counts.macs, r.extents.macs()));
  require_conserved(o.stalls.total() == o.cycles.value,
                    fmt::format("causes sum to {} cycles of {}", o.stalls.total(), o.cycles.value));
  DramTraffic planned;
  for (const auto* loads : {&program.input_loads, &program.weight_loads})
    for (const LoadOp& op : *loads) planned[op.tensor].read_bytes += op.region.bytes();
  for (const StoreOp& op : program.stores) planned[op.tensor].write_bytes += op.region.bytes();
  for (std::size_t i = 0; i < kTensors; ++i) {
    const TensorTraffic &did = o.traffic.tensors[i], &plan = planned.tensors[i];
    require_conserved(did.read_bytes == plan.read_bytes && did.write_bytes == plan.write_bytes,
                      fmt::format("{}: {} B read and {} B written, the mapping says {} B and {} B",
                                  tensor_name(static_cast<Tensor>(i)), did.read_bytes,
                                  did.write_bytes, plan.read_bytes, plan.write_bytes));
  }
  const std::int64_t bytes = o.dram.read_bytes + o.dram.write_bytes;
  require_conserved(bytes == r.moved_bytes(),
                    fmt::format("the DRAM moved {} B, the DMA {} B", bytes, r.moved_bytes()));
}

/// Every chunk together must be the operator.
void check_vector_work(const VectorOp& op, const MachineCounts& counts) {
  std::array<std::int64_t, kVectorPrimitives> work{};
  for (const auto& pass : vector_work(op))
    for (const VectorWork& step : pass)
      work[static_cast<std::size_t>(step.primitive)] += step.count;
  require_conserved(work == counts.vector, fmt::format("{}: the chunks' work is not the operator's",
                                                       vector_row(op.kind).name));
}

const char* kind_of(const LayerOp& op) {
  static constexpr const char* kNames[] = {"conv", "linear", "matmul"};
  return kNames[op.index()];
}

}  // namespace

MappingProblem make_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                            const LayerOp& op, const Precision& precision, const MappingPins& pins,
                            const OutputStage& stage) {
  if (!std::holds_alternative<Matmul>(op) && has_dynamic_scales(precision.weights))
    throw input_error(
        "precision.weights: granularity per_token is for values that come while the machine runs; "
        "weights are known before: use per_channel");
  MappingProblem p;
  p.layer = lower(op);
  p.stage = stage;
  p.path = resolve_data_path(precision, machine.array.pe);
  p.machine = machine;
  p.memory = memory;
  p.weight_layout = pins.weight_layout;
  p.activation_layout = pins.activation_layout;
  check_layer_formats(p);
  return p;
}

LayerRunner::LayerRunner(const AcceleratorConfig& machine, const DramConfig& dram,
                         const EnergyTable& energy, const RunOptions& options)
    : machine_(machine), energy_(energy), options_(options) {
  use_femtosecond_resolution();
  accelerator_ = std::make_unique<Accelerator>("accelerator", machine, dram, options.fidelity);
  memory_ = accelerator_->memory();
}

LayerResult LayerRunner::run(const Layer& layer, const Precision& precision,
                             const MappingPins& pins, Trace* trace) {
  const MappingProblem problem =
      make_problem(machine_, memory_, layer.op, precision, pins, layer.stage);
  LayerResult result;
  result.name = layer.name;
  result.kind = kind_of(layer.op);
  result.extents = problem.layer.extents;
  result.mac = problem.path.mac.name;
  result.mapping = map_layer(problem, pins);
  const Program program = make_program(problem, result.mapping.tiling);

  std::unique_ptr<LayerCheck> check;
  if (options_.values)
    check = std::make_unique<LayerCheck>(problem, result.mapping.tiling, layer,
                                         precision.requantize, options_);
  result.outcome = accelerator_->run(problem, program, check ? &check->values() : nullptr, trace);
  if (check) {
    result.check = check->finish();
    result.input_origin = check->operands().input_origin;
    result.weight_origin = check->operands().weight_origin;
    if (layer.stage.bias) result.bias_origin = check->operands().bias_origin;
    if (options_.keep_outputs) result.outputs = check->take_outputs();
  }

  result.compute_cycles = compute_cycles(problem, program);
  result.peak_macs_per_s =
      static_cast<double>(machine_.array.rows * machine_.array.cols * problem.path.macs_per_pe) *
      static_cast<double>(machine_.clock.value);
  complete(problem, program, result);
  return result;
}

std::vector<LayerResult> LayerRunner::run_all(const Layer& layer, const Precision& precision,
                                              const MappingPins& pins, Trace* trace) {
  const LayerPasses passes = quantize_passes(layer, precision);
  std::vector<LayerResult> results;
  const auto add = [&](const std::vector<QuantizePass>& list) {
    for (const QuantizePass& pass : list) results.push_back(run(pass.name, pass.op, pass.formats));
  };
  add(passes.before);
  results.push_back(run(layer, precision, pins, trace));
  add(passes.after);
  return results;
}

LayerResult LayerRunner::run(const std::string& name, const VectorOp& op,
                             const VectorFormats& formats, Trace* trace) {
  const MappingProblem problem = make_vector_problem(machine_, memory_, formats);
  const Program program = make_vector_program(problem, op);
  LayerResult result;
  result.name = name;
  result.kind = "vector";
  result.op = vector_row(op.kind).name;
  result.extents = {0, op.rows, op.cols, 0};
  result.outcome.traffic.burst_bytes = memory_.burst_bytes;
  if (!program.vectors.empty())
    result.outcome = accelerator_->run(problem, program, nullptr, trace);
  for (const VectorJob& job : program.vectors) result.compute_cycles += job.cycles.value;
  complete(problem, program, result);
  check_vector_work(op, result.outcome.counts);
  return result;
}

void LayerRunner::complete(const MappingProblem& problem, const Program& program,
                           LayerResult& result) const {
  result.time_s = accelerator_->clock().seconds(result.outcome.cycles);
  result.peak_bytes_per_s = memory_.bytes_per_cycle * static_cast<double>(machine_.clock.value);
  result.counts = priced_actions(problem, result.outcome.counts);
  append_dram_commands(result.outcome.dram, &result.counts);
  result.energy = price(result.counts, energy_);
  check_conservation(result, program);
}

}  // namespace bitjoule
