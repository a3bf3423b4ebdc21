// Formats in which a row is by itself, so that some rows of a tensor are a tensor.
#pragma once

#include "core/numeric/quantized_tensor.h"

namespace bitjoule {

/// Whether a row's codes and scales depend on no other row's, as they are chosen and as they lie.
bool has_sole_rows(const TensorFormat& format);

/// Whether rows_from() can take them: stored in such a format, and in the order of k.
bool has_sole_rows(const QuantizedTensor& tensor);

/// Some rows of such a tensor: as if they had been quantized alone. Throws an internal Error of
/// another.
QuantizedTensor rows_from(const QuantizedTensor& tensor, std::int64_t first, std::int64_t count);

}  // namespace bitjoule
