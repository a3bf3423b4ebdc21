// The parts of a machine: what leaks, and what covers area.
#pragma once

#include <string>
#include <vector>

#include "core/energy/parts.h"
#include "core/machine/machine.h"
#include "core/mapping/data_path.h"

namespace bitjoule {

/// Of one machine with the MACs of all `paths` (each kind of MAC once, side by side), in the order
/// of machine_components(). A buffer has `banks` banks; a bank of one that is double-buffered holds
/// both halves, of which one is read while the other is written.
std::vector<MachinePart> machine_parts(const AcceleratorConfig& machine,
                                       const std::vector<DataPath>& paths);

/// Whole nanoseconds of so many cycles.
std::int64_t whole_nanoseconds(Cycles cycles, Hertz clock);

}  // namespace bitjoule
