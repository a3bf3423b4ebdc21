// The operators that are not MACs in float64, from their definitions: what their results would be
// without any rounding. Shares no code with exec but for the exponential, which a test holds
// against the C library's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/borrowed.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// As VectorOperands; scales and zero-points hold one value, or one per index of axes[0].
struct ReferenceOperands {
  std::vector<Borrowed<double>> inputs;
  std::vector<double> gamma, beta, mean, variance, factors;
  std::vector<double> table;
  std::vector<double> bias, sinks, distances;
  /// Of route: the experts of each row, where the choice is made already; empty: its own.
  std::vector<std::int64_t> indices;
  std::vector<double> scales = {1}, zero_points = {0};
};

/// rows x cols results. quantize_linear yields x / scale + zero unrounded and unclamped, so that
/// the difference to it is what quantization costs; quantize likewise yields x itself. Operands
/// must fit the operator, as vector_values checks.
std::vector<double> vector_reference(const VectorOp& op, const ReferenceOperands& operands);

}  // namespace bitjoule
