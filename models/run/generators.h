// Seeded operands: the same seed gives the same bits on every platform.
#pragma once

#include <cstdint>
#include <vector>

#include "core/workload/tensor_source.h"

namespace bitjoule {

/// rows x k values of the generator that `source` names, mean 0 and the given deviation (of the
/// ordinary channels, where some are outliers; a channel is one k of every row).
std::vector<float> generate_values(const TensorSource& source, std::int64_t rows, std::int64_t k,
                                   double deviation, std::uint64_t seed);

}  // namespace bitjoule
