// Formats in which a row is by itself, so that some rows of a tensor are a tensor.
#pragma once

#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

/// Whether a row's codes and scales depend on no other row's, as they are chosen and as they lie.
bool has_sole_rows(const TensorFormat& format);

/// Some rows of a stored tensor in such a format: as if they had been quantized alone.
QuantizedTensor rows_from(const QuantizedTensor& tensor, std::int64_t first, std::int64_t count);

}  // namespace bitjoule
