// What a DRAM offers to mapping.
#pragma once

#include "core/dram/config.h"
#include "core/dram/engine.h"
#include "core/dram/stats.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// At a machine's clock.
MemoryPort memory_port(const DramConfig& dram, Hertz clock);

/// The same DRAM without refreshes of all its banks, which samples are too short to meet as often
/// as a layer does.
ResolvedDram without_stops(DramConfig dram);

/// How long rows are open, of the clocks of ranks in which no refresh of all banks is under way.
struct OpenRows {
  double share = -1;  ///< of the clocks, those with a bank open; < 0: not known
  double banks = 0;   ///< open, on average of the clocks
};

/// Bursts and rows.
struct DramWork {
  std::int64_t reads = 0, writes = 0, activates = 0;
  OpenRows open{};
};
/// What an estimate knows of a DRAM in so many core cycles beside its work: it refreshes as often
/// as it must. Where it is not known how long rows are open, one is in every bank all the time;
/// where pages are closed behind a burst, one for the least time of each activate. No rank is
/// powered down. Nothing else is told.
DramStats estimated_dram(const MemoryPort& memory, const DramWork& work, std::int64_t cycles);

}  // namespace bitjoule
