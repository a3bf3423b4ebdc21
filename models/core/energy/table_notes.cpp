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
  return notes;
}

std::string reach_note(const Counts& counts, const EnergyTable& table) {
  std::vector<std::string> names;
  for (const Action& action : counts) {
    if (action.primitive != Primitive::kSramRead && action.primitive != Primitive::kSramWrite)
      continue;
    const double reach = sram_reach(table.sram, action.capacity);
    if (reach <= 1) continue;
    std::string name = fmt::format("{} ({:.3g} times)", action.component, reach);
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  if (names.empty()) return "";
  return fmt::format("{}: banks larger than any that it has a point for, by its rule: {}",
                     table.name, fmt::join(names, ", "));
}

}  // namespace bitjoule
