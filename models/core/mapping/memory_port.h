// What a DRAM offers to mapping.
#pragma once

#include "core/dram/config.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// At a machine's clock.
MemoryPort memory_port(const DramConfig& dram, Hertz clock);

}  // namespace bitjoule
