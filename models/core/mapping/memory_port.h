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

/// What an estimate knows of the ranks: they refresh as often as they must, and otherwise have a
/// row open in every bank. Refreshes of whole ranks, and core cycles summed over ranks and banks.
struct RankTimes {
  std::int64_t refreshes = 0, refreshing = 0, open = 0, open_banks = 0;
};
RankTimes assumed_rank_times(const MemoryPort& memory, std::int64_t cycles);

}  // namespace bitjoule
