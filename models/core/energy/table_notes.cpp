#include "core/energy/table_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/energy/sram_figures.h"

namespace bitjoule {

std::string technology_of(const std::string& node) { return node.substr(0, node.find(',')); }

namespace {

/// Technologies of memories and areas that are not the operations'; else empty.
struct OtherNodes {
  std::string memories, areas;
};

OtherNodes other_nodes(const EnergyTable& table) {
  const std::string own = technology_of(table.node);
  OtherNodes other = {technology_of(table.sram.node),
                      table.area ? technology_of(table.area->node) : ""};
  if (other.memories == own) other.memories.clear();
  if (other.areas == own) other.areas.clear();
  return other;
}

}  // namespace

std::string nodes_of(const EnergyTable& table) {
  const OtherNodes other = other_nodes(table);
  std::string more = other.memories.empty() ? "" : "memories " + other.memories;
  if (!other.areas.empty()) more += (more.empty() ? "areas " : ", areas ") + other.areas;
  return technology_of(table.node) + (more.empty() ? "" : " (" + more + ")");
}

std::vector<std::string> table_notes(const EnergyTable& table) {
  std::vector<std::string> notes;
  if (table.unit == PriceUnit::kMac)
    notes.push_back(fmt::format(
        "{}: ratios of a MAC in the place of pJ: 1 pJ stands for one MAC, whatever that costs",
        table.name));
  const OtherNodes other = other_nodes(table);
  const std::string own = technology_of(table.node);
  if (!other.memories.empty())
    notes.push_back(
        fmt::format("{}: memories of {} beside operations of {}", table.name, other.memories, own));
  if (!other.areas.empty())
    notes.push_back(fmt::format("{}: areas of {} beside energies of {}: power density has both",
                                table.name, other.areas, own));
  if (table.supply && !other.memories.empty())
    notes.push_back(fmt::format(
        "{}: the rule for supplies, of {}, is applied to memories of {}, whose own is not known",
        table.name, own, other.memories));
  if (!table.pitch_note.empty()) notes.push_back(table.pitch_note);
  return notes;
}

namespace {

/// Whether a table's points have to do with an action.
bool is_by_points(const Action& action, const EnergyTable& table) {
  if (action.count == 0) return false;
  if (action.primitive == Primitive::kSramLeakage)
    return !table.sram.points.empty() && table.sram.points.front().leakage.has_value();
  return action.primitive == Primitive::kSramRead || action.primitive == Primitive::kSramWrite;
}

}  // namespace

std::vector<std::string> reach_notes(const Counts& counts, const EnergyTable& table) {
  std::vector<std::string> notes;
  for (const SramReachRow& row : kSramReaches) {
    std::vector<std::string> names;
    for (const Action& action : counts) {
      if (!is_by_points(action, table)) continue;
      const double times = sram_reach(table.sram, action.capacity, action.width).*row.times;
      if (times <= 1) continue;
      std::string name = fmt::format("{} ({:.3g} times)", action.component, times);
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    }
    if (!names.empty())
      notes.push_back(fmt::format("{}: {} that it has a point for, by its rule: {}", table.name,
                                  row.what, fmt::join(names, ", ")));
  }
  std::vector<std::string> corners;
  for (const Action& action : counts) {
    if (!is_by_points(action, table) || !is_in_corner(table.sram, action.capacity, action.width))
      continue;
    std::string name = fmt::format("{} ({} B x {} bit)", action.component, action.capacity.value,
                                   action.width.value);
    if (std::find(corners.begin(), corners.end(), name) == corners.end())
      corners.push_back(std::move(name));
  }
  if (!corners.empty())
    notes.push_back(
        fmt::format("{}: {}, by its rule: {}", table.name, kSramCorner, fmt::join(corners, ", ")));
  return notes;
}

}  // namespace bitjoule
