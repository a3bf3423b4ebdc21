// The operators of quantized networks that are not MACs: integer codes in, integer codes out, by
// the arithmetic that a requantization names, bit by bit. Those of TensorFlow Lite are what its
// kernels do (tensorflow/lite/kernels/internal, gemmlowp's fixedpoint.h, XNNPACK).
#pragma once

#include <cstdint>
#include <vector>

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
  /// The code of a result that is relative to the zero-point.
  std::int32_t code(std::int64_t relative) const;
};

using Codes = std::vector<std::int32_t>;

// Rules, by family.
Codes fixed_softmax(const CodedJob& job);
Codes table_softmax(const CodedJob& job);
Codes fixed_logistic(const CodedJob& job);
Codes fixed_tanh(const CodedJob& job);
Codes fixed_hard_swish(const CodedJob& job);

}  // namespace bitjoule
