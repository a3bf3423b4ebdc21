// Weights in blocks that hold their scales are taken apart on their way into the buffers.
#pragma once

#include "core/mapping/program.h"

namespace bitjoule {

/// What the scale buffer gets of a load into the weight buffer; nothing of floats that a
/// dequantizer on the DRAM side makes.
Bits block_scale_bits(const LoadOp& op);

}  // namespace bitjoule
