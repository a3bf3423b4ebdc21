// A vector operator inside a network: what it computes from the tensors that are there.
#pragma once

#include <vector>

#include "core/mapping/vector_program.h"
#include "run/layer_tensors.h"

namespace bitjoule {

struct VectorOutcome {
  NetworkTensor tensor;
  /// Of the arithmetic alone: against the operator in float64 on the same operands, before the
  /// result is stored. Unset where nobody asks.
  Quality error;
};

/// `inputs` are the operands in order; `measures` the error, of both sides. `spent`: of `quantize`
/// the operand, where nobody reads it afterwards: it is taken apart then. Throws an input Error
/// where they are not what the operator reads.
VectorOutcome run_vector_op(const NetworkLayer& layer, const VectorFormats& formats,
                            const LayerTensors& tensors,
                            const std::vector<const NetworkTensor*>& inputs, bool measures = true,
                            Side side = Side::kBoth, NetworkTensor* spent = nullptr);

/// Rows of a table that are looked up where nothing says which: those whose addresses the traffic
/// has (docs/networks.md).
std::vector<std::int32_t> default_indices(const VectorOp& op);

}  // namespace bitjoule
