// A vector operator as the machine executes it: chunks that fit the buffers, loaded, computed and
// stored in turn. docs/networks.md, "Execution".
#pragma once

#include "core/mapping/program.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// How an operator's tensors are stored: its activations, its table or norm parameters, its output.
struct VectorFormats {
  TensorFormat inputs, parameters, output;
  WeightQuantizer quantizer = WeightQuantizer::kNearest;  ///< of a table
  ScaleRule static_scales = ScaleRule::kOracle;
};

/// The vector operator before the machine: buffers, memory and formats; nothing of the array.
MappingProblem make_vector_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                                   const VectorFormats& formats);

/// The problem with its buffers as an operator has them (division.h). Of a unified buffer the
/// weights get the banks that parameters and small operands fill, accumulators and scales one each;
/// the rest goes to inputs and outputs as the operator reads and writes, or else as it fits. Throws
/// an input Error where it does not fit in any way.
MappingProblem divided(MappingProblem problem, const VectorOp& op);

/// Cuts the operator into the largest chunks whose operands fit the input buffer and whose results
/// fit the output buffer. Parameters, and operands smaller than the output that fit beside them,
/// are loaded into the weight buffer once. Empty for operators that move nothing. Throws an input
/// Error where a row, a window or the parameters do not fit, or the tensors exceed the DRAM.
Program make_vector_program(const MappingProblem& problem, const VectorOp& op);

}  // namespace bitjoule
