// Integer tensors whose codes, scales and zero-points are given, as other programs store them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

/// value = scale * (code - zero_point). `format` is an integer per tensor or per channel; `scales`
/// and `zero_points` hold one value, or one for each row. Throws an input Error where the format
/// cannot hold a code or a zero-point, or the numbers of values do not fit.
QuantizedTensor coded_tensor(const TensorFormat& format, const std::vector<std::int32_t>& codes,
                             std::int64_t rows, std::int64_t k, const std::vector<float>& scales,
                             const std::vector<std::int32_t>& zero_points);

}  // namespace bitjoule
