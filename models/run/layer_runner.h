// Runs layers on one machine: mapping, simulation, verification, price.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/mapping/vector_program.h"
#include "run/layer_progress.h"
#include "run/layer_result.h"
#include "run/output_check.h"
#include "run/run_config.h"
#include "run/simulation.h"

namespace bitjoule {

/// A layer as it stands before the machine for mapping and simulation. Throws input Errors for
/// layers, formats and machines that do not fit together.
MappingProblem make_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                            const LayerOp& op, const Precision& precision, const MappingPins& pins,
                            const OutputStage& stage = {});

/// Where layers overlap: the program whose weights come while a layer runs, and what came of its
/// own before. Each layer's tensors stand in DRAM as when it runs alone.
struct LayerOverlap {
  const LayerProgram* next = nullptr;
  WeightsAhead ahead;
};

/// A text that tells what came of a layer's weights before it from anything else.
std::string ahead_key(const WeightsAhead& ahead);

/// Throws an input Error for values that this computer's memory cannot hold, before the system
/// kills the process.
void require_memory(const MappingProblem& problem, Verify verify);

/// The outputs of a layer by its program, without the machine and unchecked.
LayerOutputs compute_outputs(const LayerProgram& program, const LayerOp& op, Requantize mode,
                             GivenOperands given);

/// What is priced of a layer. Of a fused one each product by its own numbers.
Counts actions_of(const MappingProblem& problem, const Program& program,
                  const MachineCounts& counts);

class LayerRunner {
 public:
  /// Builds the machine.
  LayerRunner(const AcceleratorConfig& machine, const DramConfig& dram, const EnergyTable& energy,
              const RunOptions& options);
  /// On a machine that is there.
  LayerRunner(std::shared_ptr<Simulation> machine, Prices prices, const RunOptions& options);

  /// Tells `sink` how far each layer with MACs is.
  void report_to(ProgressSink sink) { progress_ = std::move(sink); }

  LayerResult run(const Layer& layer, const Precision& precision, const MappingPins& pins,
                  Trace* trace = nullptr);
  /// The same, with what prepare() yielded, and with the operands that a network has for the layer:
  /// the result carries the outputs then.
  LayerResult run(const Layer& layer, const Precision& precision, const LayerProgram& prepared,
                  Trace* trace = nullptr, const LayerOverlap& overlap = {},
                  GivenOperands* given = nullptr);

  /// The values alone of a layer that costs what `known` says: the same with another check and
  /// other outputs.
  LayerResult compute(const LayerResult& known, const Layer& layer, const Precision& precision,
                      const MappingProblem& problem, GivenOperands given) const;

  /// The layer, and around it the passes of the vector unit that find dynamic scales
  /// (quantize_passes.h), in the order in which they run. layer_of(result) is the layer.
  std::vector<LayerResult> run_all(const Layer& layer, const Precision& precision,
                                   const MappingPins& pins, Trace* trace = nullptr);

  /// Without values. Operators that move nothing take no cycles.
  LayerResult run(const std::string& name, const VectorOp& op, const LayerProgram& prepared,
                  Trace* trace = nullptr, const LayerOverlap& overlap = {});

  /// A fused attention, without values.
  LayerResult run_attention(const std::string& name, const LayerProgram& prepared,
                            Trace* trace = nullptr, const LayerOverlap& overlap = {});

  /// Whether simulating a layer takes long enough to do it elsewhere, and was not done before.
  bool is_work(const LayerProgram& prepared) const;
  /// A layer alone, without values: what the machine does.
  LayerOutcome simulate(const LayerProgram& prepared) const;
  /// What simulate() yielded in another process, for the next run of that layer alone.
  void expect(const LayerProgram& prepared, LayerOutcome outcome);

  LayerProgram prepare(const Layer& layer, const Precision& precision,
                       const MappingPins& pins) const;
  LayerProgram prepare(const VectorOp& op, const VectorFormats& formats,
                       const MappingPins& pins) const;
  /// Of a fused attention; `key` says what its cost depends on but for machine and pins.
  LayerProgram prepare(const AttentionProblem& problem, const std::string& key,
                       const MappingPins& pins) const;

  const MemoryPort& memory() const { return machine_->memory(); }

 private:
  /// The problem as the mapping sets it, with the program that this fidelity needs.
  LayerProgram programmed(MappingProblem problem, const Mapping& mapping) const;
  Mapping best_simulated(const MappingProblem& problem, const MappingPins& pins,
                         const std::vector<Mapping>& finalists) const;
  /// What the machine does, or did when it was asked the same before; `values` are computed.
  LayerOutcome outcome_of(const LayerProgram& prepared, LayerValues* values, Trace* trace,
                          const LayerOverlap& overlap, const LayerProgress* progress);
  bool is_worth_keeping(const LayerProgram& prepared) const;
  void complete(const MappingProblem& problem, const Program& program, LayerResult& result) const;
  double peak_macs_per_s(const MappingProblem& problem) const;

  std::shared_ptr<Simulation> machine_;
  std::shared_ptr<const Prices> prices_;
  RunOptions options_;
  ProgressSink progress_;
  std::map<std::string, LayerOutcome> expected_;  ///< by LayerProgram::key
};

}  // namespace bitjoule
