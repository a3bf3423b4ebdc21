// Simulated time at its resolution of one femtosecond.
#pragma once

#include <cstdint>
#include <limits>
#include <systemc>

#include "core/units.h"

namespace bitjoule {

/// Sets the resolution of the current simulation context to 1 fs, which Dram and CoreClock do as
/// they are built; repeated calls are fine. Where the test bench has made times before, of which
/// the first fixes the resolution, it must call this before them: throws an input Error if the
/// resolution is another by then.
void use_femtosecond_resolution();

inline sc_core::sc_time to_sc_time(Femtoseconds t) {
  return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(t.value));
}
inline Femtoseconds to_femtoseconds(const sc_core::sc_time& t) {
  return Femtoseconds(static_cast<std::int64_t>(t.value()));
}

inline constexpr Femtoseconds kForever{std::numeric_limits<std::int64_t>::max()};
/// Nothing outside the running process can act before this time; `now` is the kernel's, or one up
/// to which the process has worked ahead.
Femtoseconds next_foreign_activity(Femtoseconds now);

}  // namespace bitjoule
