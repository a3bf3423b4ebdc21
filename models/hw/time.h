// Simulated time at its resolution of one femtosecond.
#pragma once

#include <systemc>

#include "core/units.h"

namespace bitjoule {

/// Sets the resolution of the current simulation context to 1 fs, once or more often. Throws an
/// input Error where it is another and fixed: a time was made before.
void use_femtosecond_resolution();
/// Throws that Error where the resolution is another.
void require_femtosecond_resolution();

inline sc_core::sc_time to_sc_time(Femtoseconds t) {
  return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(t.value));
}
inline Femtoseconds to_femtoseconds(const sc_core::sc_time& t) {
  return Femtoseconds(static_cast<std::int64_t>(t.value()));
}

}  // namespace bitjoule
