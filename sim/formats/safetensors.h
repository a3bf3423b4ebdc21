// Hugging Face's .safetensors: a JSON header and the tensors' bytes.
#pragma once

#include <vector>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// All tensors, in the order of their bytes. As the format demands, they follow each other without
/// gap or overlap and fill the file. Throws an input Error that names the file and the tensor.
std::vector<StoredTensor> parse_safetensors(const Blob& blob);

}  // namespace bitjoule
