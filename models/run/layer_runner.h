// Runs layers on one machine: mapping, simulation, verification, price.
#pragma once

#include <memory>
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

/// A layer as the machine runs it.
struct LayerProgram {
  MappingProblem problem;
  Mapping mapping;  ///< of a layer with MACs
  Program program;
  /// What its cycles depend on but for the machine, as a text (key.h); empty: not known.
  std::string key = {};
};

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
                  const LayerOverlap& overlap = {});

  LayerProgram prepare(const Layer& layer, const Precision& precision,
                       const MappingPins& pins) const;
  LayerProgram prepare(const VectorOp& op, const VectorFormats& formats,
                       const MappingPins& pins) const;

  const MemoryPort& memory() const { return machine_->memory(); }

 private:
  Mapping best_simulated(const MappingProblem& problem, const MappingPins& pins,
                         const std::vector<Mapping>& finalists) const;
  /// What the machine does, or did when it was asked the same before; `values` are computed.
  LayerOutcome outcome_of(const LayerProgram& prepared, LayerValues* values, Trace* trace,
                          const LayerOverlap& overlap, const LayerProgress* progress);
  void complete(const MappingProblem& problem, const Program& program, LayerResult& result) const;

  std::shared_ptr<Simulation> machine_;
  std::shared_ptr<const Prices> prices_;
  RunOptions options_;
  ProgressSink progress_;
};

}  // namespace bitjoule
