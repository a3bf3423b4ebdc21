// The operators of quantized networks that are not MACs: integer codes in, integer codes out, by
// the arithmetic that a requantization names, bit by bit. Those of TensorFlow Lite are what its
// kernels do (tensorflow/lite/kernels/internal, gemmlowp's fixedpoint.h, XNNPACK).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/numeric/requantize.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// `inputs`: an operator's operands, operand_elements() codes each. `range`: what the format of the
/// result holds. The operator has `codes`. Throws an input Error where the requantization has no
/// known rule for the operator.
std::vector<std::int32_t> coded_values(const VectorOp& op,
                                       const std::vector<std::vector<std::int32_t>>& inputs,
                                       ClampRange range, Requantize mode);

/// Real values as codes: quantize_linear at the border of a quantized network.
std::vector<std::int32_t> quantized_codes(const VectorOp& op, const std::vector<float>& values,
                                          ClampRange range, Requantize mode);

/// What a rule works on. The output's range is narrowed by the activation.
struct CodedJob {
  const VectorOp& op;
  const std::vector<std::vector<std::int32_t>>& inputs;  ///< broadcast to the output's shape
  ClampRange range;
  Requantize mode;

  float scale(std::size_t operand) const {
    return static_cast<float>(op.codes->operands[operand].scale);
  }
  std::int32_t zero(std::size_t operand) const {
    return static_cast<std::int32_t>(op.codes->operands[operand].zero_point);
  }
  float output_scale() const { return static_cast<float>(op.codes->output.scale); }
  std::int32_t output_zero() const {
    return static_cast<std::int32_t>(op.codes->output.zero_point);
  }
  /// A code of an operand relative to its zero-point.
  std::int32_t distance(std::size_t operand, std::size_t i) const {
    return inputs[operand][i] - zero(operand);
  }
  /// Fails where one of the operands has another scale than the result.
  void require_one_scale() const;
  /// The code of a result that is relative to the zero-point.
  std::int32_t code(std::int64_t relative) const;
};

using Codes = std::vector<std::int32_t>;

inline double wide(float x) { return static_cast<double>(x); }
inline std::int32_t saturated_16(std::int64_t x) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(x, INT16_MIN, INT16_MAX));
}
/// Results one by one, relative to the output's zero-point.
template <class F>
Codes each_result(const CodedJob& job, F relative) {
  Codes y(at(job.op.elements()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    check_interrupt_after(8);
    y[i] = job.code(relative(i));
  }
  return y;
}

// Rules, by family.
Codes fixed_softmax(const CodedJob& job);
Codes table_softmax(const CodedJob& job);
Codes softmax_16(const CodedJob& job);          ///< of int16
Codes fixed_inverse_root(const CodedJob& job);  ///< 1 / sqrt(x)
Codes fixed_l2_norm(const CodedJob& job);
Codes fixed_logistic(const CodedJob& job);
Codes fixed_tanh(const CodedJob& job);
Codes fixed_hard_swish(const CodedJob& job);
/// 1 / x of a positive x as m0 * 2^(-31 - shift).
FixedPointMultiplier fixed_reciprocal(std::int32_t x);
/// Of int16.
Codes logistic_16(const CodedJob& job);
Codes hyperbolic_16(const CodedJob& job);
Codes fixed_lstm_cell(const CodedJob& job);
Codes fixed_lstm_hidden(const CodedJob& job);
Codes builtin_lstm_cell(const CodedJob& job);
Codes builtin_lstm_hidden(const CodedJob& job);
/// Sums, extremes and resized tensors, and what enters a state.
Codes fixed_reduce_sum(const CodedJob& job);
Codes extreme(const CodedJob& job);
Codes fixed_resize(const CodedJob& job);
Codes builtin_resize(const CodedJob& job);
Codes xnnpack_resize(const CodedJob& job);
Codes shift_in(const CodedJob& job);
Codes fixed_prelu(const CodedJob& job);
Codes fixed_squared_difference(const CodedJob& job);
Codes fixed_div(const CodedJob& job);
Codes larger_or_smaller(const CodedJob& job);
Codes fixed_mean(const CodedJob& job);
Codes xnnpack_mean(const CodedJob& job);
/// Of the built-in kernels: means and sums as floats, curves as tables of every code.
Codes builtin_mean(const CodedJob& job);
Codes builtin_sum(const CodedJob& job);
Codes tabulated_reals(const CodedJob& job);
Codes tabulated_half_even(const CodedJob& job);

}  // namespace bitjoule
