// Hugging Face's .safetensors: a JSON header and the tensors' bytes.
#pragma once

#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// All tensors, in the order of their bytes. As the format demands, they follow each other without
/// gap or overlap and fill the file. Throws an input Error that names the file and the tensor.
std::vector<StoredTensor> parse_safetensors(const Blob& blob);

/// The bytes of a file with such tensors, in their order. Throws an input Error for a type that the
/// format has not.
std::string safetensors_bytes(const std::vector<StoredTensor>& tensors);

}  // namespace bitjoule
