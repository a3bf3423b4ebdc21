#include "hw/accelerator.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/dram/checked.h"
#include "core/error.h"
#include "core/machine/checked.h"
#include "core/mapping/division.h"

namespace bitjoule {

Accelerator::Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config,
                         const DramConfig& dram, Fidelity fidelity)
    : Accelerator(name, config, memory_port(checked(dram), checked(config).clock), &dram,
                  fidelity) {}

Accelerator::Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config,
                         const MemoryPort& memory, Fidelity fidelity)
    : Accelerator(name, config, memory, nullptr, fidelity) {}

Accelerator::Accelerator(sc_core::sc_module_name name, const AcceleratorConfig& config,
                         const MemoryPort& memory, const DramConfig* dram, Fidelity fidelity)
    : sc_module(name),
      to_dram("to_dram"),
      config_(checked(config)),
      memory_(memory),
      clock_(config.clock),
      input_buffer_("input_buffer"),
      weight_buffer_("weight_buffer"),
      scale_buffer_("scale_buffer"),
      accumulator_buffer_("accumulator_buffer"),
      output_buffer_("output_buffer"),
      dequantizer_("dequantizer", config.dequantizer),
      sequencer_("sequencer", clock_),
      dma_("dma", clock_, config.dma),
      output_unit_("output_unit"),
      vector_unit_("vector_unit"),
      dram_(dram != nullptr ? std::make_unique<Dram>("dram", *dram) : nullptr) {
  sequencer_.to_dma(dma_.from_sequencer);
  sequencer_.to_output_unit(output_unit_.from_sequencer);
  dma_.to_sequencer(sequencer_.from_units);
  dma_.to_dram.bind(to_dram);
  if (dram_) to_dram.bind(dram_->socket);
  dma_.to_input_buffer(input_buffer_.port);
  dma_.to_weight_buffer(weight_buffer_.port);
  dma_.to_scale_buffer(scale_buffer_.port);
  dma_.to_output_buffer(output_buffer_.port);
  dma_.to_dequantizer(dequantizer_.port);
  sequencer_.to_buffers.input(input_buffer_.port);
  sequencer_.to_buffers.weight(weight_buffer_.port);
  sequencer_.to_buffers.scale(scale_buffer_.port);
  sequencer_.to_buffers.accumulator(accumulator_buffer_.port);
  sequencer_.to_buffers.output(output_buffer_.port);
  output_unit_.to_accumulator_buffer(accumulator_buffer_.port);
  output_unit_.to_output_buffer(output_buffer_.port);
  output_unit_.to_scale_buffer(scale_buffer_.port);
  output_unit_.to_sequencer(sequencer_.from_units);
  sequencer_.to_vector_unit(vector_unit_.from_sequencer);
  vector_unit_.to_sequencer(sequencer_.from_units);
  vector_unit_.to_input_buffer(input_buffer_.port);
  vector_unit_.to_weight_buffer(weight_buffer_.port);
  vector_unit_.to_output_buffer(output_buffer_.port);
  vector_unit_.to_accumulator_buffer(accumulator_buffer_.port);
  vector_unit_.to_scale_buffer(scale_buffer_.port);
  if (fidelity == Fidelity::kFast) {
    array_fast_ = std::make_unique<ArrayFast>("array");
    sequencer_.to_array(array_fast_->from_sequencer);
    array_fast_->to_sequencer(sequencer_.from_units);
    bind_operands(array_fast_->operands);
  } else {
    array_pe_ = std::make_unique<ArrayPe>("array", clock_, config.array);
    sequencer_.to_array(array_pe_->from_sequencer);
    array_pe_->to_sequencer(sequencer_.from_units);
    bind_operands(array_pe_->operands);
  }
}

Buffer& Accelerator::buffer(BufferRole role) {
  Buffer* const buffers[] = {&input_buffer_, &weight_buffer_, &accumulator_buffer_, &output_buffer_,
                             &scale_buffer_};
  return *buffers[static_cast<std::size_t>(role)];
}

void Accelerator::bind_operands(OperandPorts& operands) {
  operands.to_input_buffer(input_buffer_.port);
  operands.to_weight_buffer(weight_buffer_.port);
  operands.to_scale_buffer(scale_buffer_.port);
  operands.to_accumulator_buffer(accumulator_buffer_.port);
  operands.to_dequantizer(dequantizer_.port);
}

/// The cause of every cycle, numbered as in core/machine/stalls.h, and one bit: a step enters.
void Accelerator::trace_causes(const LayerRun& run) {
  const std::int32_t cause = run.trace->add_signal("sequencer.cause", 4);
  const std::int32_t busy = run.trace->add_signal("array.step_enters", 1);
  run.attribution->listen([trace = run.trace, cause, busy](Cycles begin, std::int64_t n, Cause c) {
    trace->add_cause(begin, begin + Cycles(n), c);
    trace->change(cause, begin, static_cast<std::int64_t>(c));
    trace->change(busy, begin, c == Cause::kArrayBusy ? 1 : 0);
  });
}

LayerOutcome Accelerator::run(const MappingProblem& problem, const Program& program,
                              LayerValues* values, Trace* trace, const LayerNeighbours& neighbours,
                              const std::function<void(std::int64_t macs)>& progress) {
  begin(problem, program, values, trace, neighbours, progress);
  try {
    sc_core::sc_start();                 // until nothing is left to happen
  } catch (const sc_core::sc_report&) {  // what a process threw comes out as a report
    if (trace != nullptr && trace->is_full()) trace->refuse();
    throw;
  }
  return finish();
}

void Accelerator::begin(const MappingProblem& problem, const Program& program, LayerValues* values,
                        Trace* trace, const LayerNeighbours& neighbours,
                        const std::function<void(std::int64_t macs)>& progress) {
  if (job_ != nullptr)
    throw input_error(fmt::format("{}: a layer is under way: finish() it first", name()));
  const BuffersConfig& buffers = problem.machine.buffers;
  require_divided(buffers);
  job_ = std::make_unique<Job>();
  job_->problem = &problem;
  job_->neighbours = neighbours;
  job_->trace = trace;
  job_->uses_array = !program.computes.empty();
  LayerRun run{&problem,           &program, values,   &job_->outcome.counts,
               &job_->attribution, trace,    progress, &job_->neighbours.ahead};
  if (neighbours.next != nullptr &&
      same_weight_slots(buffers, neighbours.next_problem->machine.buffers)) {
    run.next = neighbours.next;
    run.next_problem = neighbours.next_problem;
  }
  if (trace != nullptr) trace_causes(run);
  clock_.begin_epoch();
  if (dram_) dram_->begin_epoch();
  for (const BufferRole role : kBufferRoles) buffer(role).start(buffers.of(role));
  dequantizer_.start(run);
  dma_.start(run, job_->outcome.traffic, memory_.burst_bytes);
  output_unit_.start(run);
  vector_unit_.start(run);
  if (array_fast_ && job_->uses_array) array_fast_->start(run);
  if (array_pe_ && job_->uses_array) array_pe_->start(run);
  sequencer_.start(run);
}

LayerOutcome Accelerator::finish() {
  if (job_ == nullptr)
    throw input_error(fmt::format("{}: no layer is under way: begin() one first", name()));
  if (!sequencer_.done())
    throw internal_error(
        fmt::format("nothing progresses after cycle {}: {}; DMA: {} bursts in flight",
                    sequencer_.end().value, sequencer_.describe(), dma_.in_flight()));
  const std::unique_ptr<Job> job = std::move(job_);
  auto& [problem, neighbours, trace, uses_array, outcome, attribution] = *job;
  const BuffersConfig& buffers = problem->machine.buffers;
  outcome.cycles = std::max(sequencer_.end(), dma_.last_ahead());
  outcome.ahead = dma_.finish_ahead(outcome.cycles);
  outcome.handed_on = neighbours.ahead.all_bursts;
  sequencer_.hand_over(outcome.cycles);
  if (array_fast_ && uses_array) array_fast_->finish();
  if (array_pe_ && uses_array) array_pe_->finish();
  outcome.counts.input = input_buffer_.finish(trace);
  outcome.counts.weight = weight_buffer_.finish(trace);
  outcome.counts.scale = scale_buffer_.finish(trace);
  outcome.counts.accumulator = accumulator_buffer_.finish(trace);
  outcome.counts.output = output_buffer_.finish(trace);
  if (buffers.unified) {
    BufferLevel level;
    for (const BufferRole role : kBufferRoles)
      if (buffers.unifies(role)) level.add(buffer(role).level());
    outcome.counts.unified_peak_bytes =
        level.peak_bytes("unified_buffer", buffers.unified->sram.capacity, trace);
  }
  attribution.fill(outcome.cycles);
  outcome.stalls = attribution.breakdown();
  outcome.evidence.held = attribution.held();
  outcome.evidence.dma = dma_.busy();
  outcome.evidence.macs = outcome.counts.macs;
  outcome.evidence.mac_slots = outcome.counts.mac_slots;
  if (uses_array) add_array_limits(*problem, outcome.evidence);
  if (dram_)  // power to the end
    outcome.dram = dram_->stats(to_sc_time(clock_.time_of(outcome.cycles)));
  for (std::size_t i = 0; i < kTensors; ++i) {
    const TensorTraffic& t = outcome.traffic.tensors[i];
    (static_cast<Tensor>(i) == Tensor::kOutputs ? outcome.counts.dram_write_bits
                                                : outcome.counts.dram_read_bits) +=
        t.bursts * outcome.traffic.burst_bytes * 8;
  }
  return std::move(outcome);
}

}  // namespace bitjoule
