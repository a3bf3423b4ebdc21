#include "core/energy/pe_pitch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/energy/area.h"
#include "core/energy/table_notes.h"

namespace bitjoule {
namespace {

/// Why the areas say nothing of a PE; empty: they do.
std::string why_stated(const AreaReport& area, const EnergyTable& table, std::int64_t pes) {
  if (!table.area) return "the table has no areas";
  if (pes < 1 || area.parts.empty()) return "the result does not say what its PEs are";
  const std::string logic = technology_of(area.node), own = technology_of(table.node);
  if (logic != own) return fmt::format("the areas are of {}, the wires of {}", logic, own);
  for (const PartArea& row : area.parts)
    if (row.origin == PriceOrigin::kUnpriced) return row.why;
  return "";
}

}  // namespace

EnergyTable with_pe_pitch(EnergyTable table, const std::vector<MachinePart>& parts,
                          std::int64_t pes) {
  const bool by_length = std::any_of(table.moves.begin(), table.moves.end(),
                                     [](const MovePrice& row) { return row.length.has_value(); });
  if (!by_length || !table.pe_pitch) return table;
  std::vector<MachinePart> macs;
  for (const MachinePart& part : parts)
    if (part.kind == PartKind::kMac) macs.push_back(part);
  if (macs.empty() && !parts.empty()) return table;  // nothing moves in the array
  const AreaReport area = area_of(macs, table);
  if (const std::string why = why_stated(area, table, pes); !why.empty()) {
    table.pitch_note =
        fmt::format("{}: wires from PE to PE over {} um, whatever a PE holds: {}", table.name,
                    static_cast<double>(table.pe_pitch->value) / 1000, why);
    return table;
  }
  const double um2 = area.known_mm2() * 1e6 / static_cast<double>(pes);
  table.pe_pitch = Nanometers(std::max<std::int64_t>(1, std::llround(std::sqrt(um2) * 1000)));
  table.pitch_from = fmt::format("a PE pitch of {:.4g} um, the root of {:.4g} um2 by {}",
                                 std::sqrt(um2), um2, area.table);
  return table;
}

}  // namespace bitjoule
