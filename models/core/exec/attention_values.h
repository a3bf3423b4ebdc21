// The numbers of an attention on the machine, tile by tile of the keys (docs/attention.md,
// "Numbers").
#pragma once

#include <cstdint>
#include <vector>

#include "core/mapping/attention.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

struct AttentionOperands {
  const QuantizedTensor& queries;  ///< [head][query] rows of key_dim
  const QuantizedTensor& keys;     ///< [group][key] rows of key_dim
  const QuantizedTensor& values;   ///< [group][key] rows of value_dim
  std::vector<float> sinks;        ///< one for each head of the softmax, or none
};

struct AttentionResults {
  std::vector<float> values;   ///< [head][query][value_dim], fp32, before the output format
  std::int64_t overflows = 0;  ///< sums that left the 32-bit accumulators
};

/// Of a configured problem.
AttentionResults attention_values(const AttentionProblem& problem, const AttentionTiling& tiling,
                                  const AttentionOperands& operands);

}  // namespace bitjoule
