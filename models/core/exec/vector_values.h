// The numbers of the operators that are not MACs. fp32: every operation of the row's formula
// (vector_op.h) rounds once; exponentials, roots and powers are those of double, rounded once;
// sums add in ascending order of the elements.
#pragma once

#include <cstdint>
#include <vector>

#include "core/borrowed.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// What an operator reads, in C order; parameters have one value per column. Those that an operator
/// does not use are empty.
struct VectorOperands {
  std::vector<Borrowed<float>> inputs;  ///< operand_elements() values each
  std::vector<float> gamma, beta, mean, variance;
  std::vector<float> factors;         ///< rope: divisors of the frequencies; empty: 1
  std::vector<float> bias;            ///< route: of the choice, one per column
  std::vector<float> sinks;           ///< softmax: one per head
  std::vector<float> distances;       ///< softmax: buckets x heads
  std::vector<float> table;           ///< embedding: table_rows x cols
  std::vector<std::int64_t> indices;  ///< embedding: one per row; combine, dispatch: chosen_experts
  float scale = 1, zero_point = 0;    ///< quantize_linear, dequantize_linear: of the tensor
  /// Instead, one for each index of axes[0] of the output's shape.
  std::vector<float> axis_scales, axis_zero_points;
};

struct VectorResult {
  std::vector<float> values;      ///< rows x cols; of quantize and quantize_linear: codes
  std::vector<float> row_scales;  ///< quantize: value = row scale * code; else empty
};

/// Throws an input Error where the operands' sizes are not those that the operator needs, or an
/// index is outside of the table.
VectorResult vector_values(const VectorOp& op, const VectorOperands& operands);

// The parts of vector_values, by family; operands are checked already.
inline float rounded(double x) { return static_cast<float>(x); }
VectorResult row_values(const VectorOp& op, const VectorOperands& operands);
std::vector<float> element_values(const VectorOp& op, const VectorOperands& operands);
std::vector<float> window_values(const VectorOp& op, const std::vector<float>& x);
std::vector<float> moved_values(const VectorOp& op, const VectorOperands& operands);
/// Along an axis of resize_nearest.
std::int64_t nearest_index(const VectorOp& op, std::size_t axis, std::int64_t o);
std::vector<float> recurrent_values(const VectorOp& op, const VectorOperands& operands);
std::vector<float> route_values(const VectorOp& op, const VectorOperands& operands);
std::vector<float> combined_values(const VectorOp& op, const VectorOperands& operands);
std::vector<float> dispatched_values(const VectorOp& op, const VectorOperands& operands);

/// The experts of each row of route's results, ascending: those with the largest weights, of equal
/// ones the first.
std::vector<std::int64_t> chosen_experts(const Routing& routing, const std::vector<float>& weights);
/// Rows that each expert gets.
std::vector<std::int64_t> expert_loads(const Routing& routing,
                                       const std::vector<std::int64_t>& chosen);

}  // namespace bitjoule
