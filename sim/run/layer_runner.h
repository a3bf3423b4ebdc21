// Runs layers on one machine: mapping, simulation, verification, price.
#pragma once

#include <memory>

#include "core/mapping/vector_program.h"
#include "sim/config/run_config.h"
#include "sim/run/layer_result.h"

namespace bitjoule {

/// A layer as it stands before the machine for mapping and simulation. Throws input Errors for
/// layers, formats and machines that do not fit together.
MappingProblem make_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                            const LayerOp& op, const Precision& precision, const MappingPins& pins,
                            const OutputStage& stage = {});

class LayerRunner {
 public:
  /// Builds the machine. SystemC elaborates once per process, so there is one runner per process.
  LayerRunner(const AcceleratorConfig& machine, const DramConfig& dram, const EnergyTable& energy,
              const RunOptions& options);

  LayerResult run(const Layer& layer, const Precision& precision, const MappingPins& pins,
                  Trace* trace = nullptr);

  /// The layer, and around it the passes of the vector unit that find dynamic scales
  /// (quantize_passes.h), in the order in which they run. layer_of(result) is the layer.
  std::vector<LayerResult> run_all(const Layer& layer, const Precision& precision,
                                   const MappingPins& pins, Trace* trace = nullptr);

  /// Without values. Operators that move nothing take no cycles.
  LayerResult run(const std::string& name, const VectorOp& op, const VectorFormats& formats,
                  Trace* trace = nullptr);

  const MemoryPort& memory() const { return memory_; }

 private:
  void complete(const MappingProblem& problem, const Program& program, LayerResult& result) const;

  AcceleratorConfig machine_;
  EnergyTable energy_;
  RunOptions options_;
  MemoryPort memory_;
  std::unique_ptr<Accelerator> accelerator_;
};

}  // namespace bitjoule
