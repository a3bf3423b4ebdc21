// What a DRAM did as priced actions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/dram/stats.h"
#include "core/energy/action.h"

namespace bitjoule {

/// Bits moved, for prices per access and of the PHY: activities "read", "write" and "phy", which
/// has both, of component "dram".
void append_dram_bits(const DramStats& stats, Counts* counts);

/// Powered time of `ranks` ranks together over so many cycles.
std::int64_t powered_nanoseconds(std::int64_t ranks, std::int64_t cycles, Femtoseconds period);
std::int64_t whole_picoseconds(std::int64_t clocks, Femtoseconds period);

/// What a DRAM has counts of for prices per command.
inline constexpr std::size_t kDramCounts = 11;
/// In the order of the rows that append_dram_commands() adds.
std::array<std::int64_t, kDramCounts> dram_counts(const DramStats& stats);

/// One of those rows: `i` of kDramCounts.
Action dram_command(std::size_t i, std::int64_t rank_refreshes, std::int64_t count);

/// Activates, bursts, refreshes, and the time of every rank, in all and by state, for prices per
/// command. The same rows in the same order whatever the DRAM, but the ideal model has none of all
/// these, and adds nothing.
void append_dram_commands(const DramStats& stats, Counts* counts);

}  // namespace bitjoule
