// The formats of a quantized model's layers, where its config.json alone says them.
#pragma once

#include <string>

#include "sim/import/hf_attention.h"
#include "sim/import/hf_quantization.h"

namespace bitjoule {

/// Adds overrides with the formats of quantized and unquantized layers. Where blocks differ, all
/// are layers of their own. `dtype` is the format of what is not quantized; errors name `file`.
void add_formats(const HfReading& reading, const HfQuantization& quantization,
                 const std::string& dtype, const std::string& file);

}  // namespace bitjoule
