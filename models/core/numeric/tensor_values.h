// The numbers of a tensor in a file, whatever it stores them in.
#pragma once

#include <optional>
#include <vector>

#include "core/numeric/quantized_tensor.h"
#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// All values in fp32; blocks are decoded. Throws an input Error that names file and tensor where
/// the type has no decoder, or the file no data.
std::vector<float> tensor_values(const StoredTensor& tensor);

/// The file's own bytes as rows x k of `format`, where that is what the file stores (a float, or
/// blocks that bring their scales); nothing where it is not.
std::optional<QuantizedTensor> as_stored(const StoredTensor& tensor, const TensorFormat& format,
                                         std::int64_t rows, std::int64_t k);

/// "4096 x 4096"
std::string shape_text(const std::vector<std::int64_t>& shape);

/// Throws an input Error starting with `where` that names the first NaN or infinity, unless
/// `format` holds those.
void require_representable(const std::string& where, const std::string& format,
                           const std::vector<float>& values);

}  // namespace bitjoule
