// How far it is from PE to PE.
#pragma once

#include <cstdint>
#include <vector>

#include "core/energy/parts.h"
#include "core/energy/table.h"

namespace bitjoule {

/// The table with wires from PE to PE that are as long as a PE of the machine is wide: the root of
/// its area, where the table has areas of all MACs in `parts` in the technology of its operations;
/// else as the table states, and a note. `pes`: of the array; 0: not known.
EnergyTable with_pe_pitch(EnergyTable table, const std::vector<MachinePart>& parts,
                          std::int64_t pes);

}  // namespace bitjoule
