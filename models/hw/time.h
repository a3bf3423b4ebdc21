// Simulated time at its resolution of one femtosecond.
#pragma once

#include <systemc>

#include "core/units.h"

namespace bitjoule {

/// Sets the kernel's resolution to 1 fs. Must run before any module is built; repeated calls are
/// fine.
void use_femtosecond_resolution();

inline sc_core::sc_time to_sc_time(Femtoseconds t) {
  return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(t.value));
}
inline Femtoseconds to_femtoseconds(const sc_core::sc_time& t) {
  return Femtoseconds(static_cast<std::int64_t>(t.value()));
}

}  // namespace bitjoule
