// Operands of a layer: generated from a seed, quantized as the configuration says.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/mapping/tiling.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

struct Operands {
  std::vector<float> float_inputs, float_weights;  ///< before quantization
  QuantizedTensor inputs;                          ///< rows of channels (NHWC, or [group][m][k])
  QuantizedTensor weights;                         ///< weight_rows x k
};

/// Inputs are normal(0, 1), weights normal(0, 1 / sqrt(k)): sums of unit variance, as trained
/// layers have them. The same seed always gives the same numbers.
Operands generate_operands(const MappingProblem& problem, std::int64_t seed);

}  // namespace bitjoule
