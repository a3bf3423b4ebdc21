// What a DRAM offers to mapping.
#pragma once

#include "core/dram/config.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// At a machine's clock.
MemoryPort memory_port(const DramConfig& dram, Hertz clock);

/// The same DRAM without refreshes of all its banks, which samples are too short to meet as often
/// as a layer does.
DramConfig without_stops(DramConfig dram);

}  // namespace bitjoule
