// A DRAM standard with everything resolved to clocks: what device and controller work with.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/dram/config.h"

namespace bitjoule {

inline constexpr std::size_t index_of(DramCommand c) { return static_cast<std::size_t>(c); }
inline bool is_column(DramCommand c) { return c == DramCommand::kRead || c == DramCommand::kWrite; }

/// One consequence of a command: `following` waits until `latency` clocks after its start.
struct TimingRule {
  TimingLevel level;
  DramCommand following;
  std::int64_t latency;
  std::int64_t window;
};

struct DramStandard {
  DramOrganization organization;
  Femtoseconds tCK{0};
  std::int64_t burst_bytes = 0, capacity = 0;  ///< capacity of all channels
  std::int64_t banks_per_rank = 0, banks = 0;  ///< banks of one channel
  std::int64_t burst_cycles = 0, read_latency = 0, write_latency = 0;
  std::int64_t refresh_interval = 0;   ///< of one rank; 0: no refresh
  std::int64_t banks_per_refresh = 1;  ///< banks refreshed by one REFpb
  bool split_bus = false;
  bool two_step_activate = false;
  std::array<std::int64_t, kDramCommands> bus_cycles{};      ///< by command
  std::array<std::int64_t, kDramCommands> refresh_cycles{};  ///< REF* to ACT; 0 for the others
  std::array<std::int64_t, kDramCommands> refresh_busy{};    ///< until ACT and REF* may follow
  std::int64_t power_down_exit = 0, power_down_least = 0;    ///< tXP, tCKE; 0: never powered down
  /// Clocks after RD, WR during which the data clock runs; 0: it never stops.
  std::int64_t data_clock_after_read = 0, data_clock_after_write = 0;
  std::array<std::vector<TimingRule>, kDramCommands> rules;  ///< by preceding command
};

/// Checks and resolves. Throws one input Error, a line for each problem: missing, unused and
/// contradictory timings, formulas, sizes that are no powers of two, missing constraints.
DramStandard resolve_standard(const CycleDramConfig& config);

/// Of all channels, with every burst right behind the one before.
BytesPerSecond peak_bandwidth(const DramStandard& standard);

}  // namespace bitjoule
