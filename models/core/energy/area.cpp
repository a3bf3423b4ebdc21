#include "core/energy/area.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/energy/sram_figures.h"
#include "core/energy/table_notes.h"

namespace bitjoule {
namespace {

PartArea unknown(const MachinePart& part, std::string why) {
  return {part, PriceOrigin::kUnpriced, SquareMicrometres(), 1, std::move(why)};
}

/// A figure of the table, whose source may be named by the row, its section or the table.
PartArea known(const MachinePart& part, double area, const Provenance& from,
               const std::string& source) {
  return {part, from.derived ? PriceOrigin::kDerived : PriceOrigin::kQuoted,
          SquareMicrometres(area), from.uncertainty, from.source.empty() ? source : from.source};
}

PartArea mac_area(const MachinePart& part, const AreaPrices& prices) {
  for (const MacArea& row : prices.macs) {
    if (row.type != part.type) continue;
    if (!part.is_scalable) return known(part, row.area.value, row.from, prices.source);
    if (!prices.scalable)
      return unknown(part, "the table does not say what a precision-scalable MAC covers");
    PartArea area = known(part, row.area.value * *prices.scalable, row.from, prices.source);
    area.origin = PriceOrigin::kDerived;
    area.why += fmt::format("; precision-scalable: x {}", *prices.scalable);
    return area;
  }
  return unknown(part, fmt::format("the table has no MAC of {}", part.type));
}

PartArea sram_area(const MachinePart& part, const AreaPrices& prices, const SramPrices& sram) {
  if (prices.sram) {
    const double bits = static_cast<double>(part.capacity.value) * 8;
    PartArea area =
        known(part, prices.sram->per_bit.value * bits, prices.sram->from, prices.source);
    area.why += fmt::format("; {} um2 per bit", prices.sram->per_bit.value);
    return area;
  }
  const std::optional<double> value = sram_figure(
      sram, part.capacity, part.width,
      [](const SramPoint& p) { return p.area ? std::optional(p.area->value) : std::nullopt; });
  if (!value) return unknown(part, "the table has no areas of memories");
  const std::string& source = sram.source.empty() ? prices.source : sram.source;
  const SramPoint* point = sram_point(sram, part.capacity, part.width);
  Provenance from = (point != nullptr ? *point : sram.points.front()).from;
  from.derived = from.derived || point == nullptr;
  from.uncertainty = sram_uncertainty(sram, from);
  PartArea area = known(part, *value, from, source);
  if (point == nullptr)
    area.why = fmt::format("power laws in capacity and width {} the table's points: {}",
                           is_among_points(sram, part.capacity, part.width) ? "between" : "beyond",
                           area.why);
  return area;
}

PartArea component_area(const MachinePart& part, const AreaPrices& prices) {
  for (const ComponentArea& row : prices.components) {
    if (row.component != part.component) continue;
    PartArea area = known(part, row.area.value, row.from, prices.source);
    if (row.per == AreaUnit::kMachine) area.part.units = 1;
    return area;
  }
  return unknown(part, "the table has no such row");
}

bool has_area(const PartArea& row) { return row.origin != PriceOrigin::kUnpriced; }

template <class F>
double sum_of(const AreaReport& report, F area) {
  double sum = 0;
  for (const PartArea& row : report.parts)
    if (has_area(row)) sum += area(row);
  return sum;
}

/// A sum that lacks a part is none: the part would count as nothing.
template <class F>
std::optional<double> whole_of(const AreaReport& report, F area) {
  if (!std::all_of(report.parts.begin(), report.parts.end(), has_area)) return std::nullopt;
  return sum_of(report, area);
}

/// Where figures are not what a sum of areas should have.
void add_notes(const std::vector<MachinePart>& parts, const EnergyTable& table,
               AreaReport& report) {
  const std::string memories = technology_of(table.sram.node), logic = technology_of(report.node);
  if (!table.area->sram && !memories.empty() && memories != logic)
    report.notes.push_back(fmt::format("memories of {} beside logic of {}", memories, logic));
  for (const SramReachRow& row : kSramReaches) {
    std::string names;
    for (const MachinePart& part : parts)
      if (part.kind == PartKind::kSram && !table.area->sram &&
          sram_reach(table.sram, part.capacity, part.width).*row.times > 1)
        names += (names.empty() ? "" : ", ") + part.component;
    if (!names.empty())
      report.notes.push_back(
          fmt::format("{} that the table has a point for, by its rule: {}", row.what, names));
  }
  std::string corners;
  for (const MachinePart& part : parts)
    if (part.kind == PartKind::kSram && !table.area->sram &&
        is_in_corner(table.sram, part.capacity, part.width))
      corners += (corners.empty() ? "" : ", ") + part.component;
  if (!corners.empty())
    report.notes.push_back(fmt::format("{}, by its rule: {}", kSramCorner, corners));
  for (const ComponentArea& row : table.area->components)
    if (row.per == AreaUnit::kMachine)
      report.notes.push_back(
          fmt::format("{} is one figure, whatever the size of the machine", row.component));
}

}  // namespace

bool AreaReport::has_figures() const { return std::any_of(parts.begin(), parts.end(), has_area); }

std::vector<std::string> AreaReport::unknown() const {
  std::vector<std::string> names;
  for (const PartArea& row : parts)
    if (!has_area(row)) names.push_back(named_part(row.part));
  return names;
}

double AreaReport::known_mm2() const {
  return sum_of(*this, [](const PartArea& row) { return row.mm2(); });
}
std::optional<double> AreaReport::total_mm2() const {
  return whole_of(*this, [](const PartArea& row) { return row.mm2(); });
}
std::optional<double> AreaReport::lowest_mm2() const {
  return whole_of(*this, [](const PartArea& row) { return row.mm2() / row.uncertainty; });
}
std::optional<double> AreaReport::highest_mm2() const {
  return whole_of(*this, [](const PartArea& row) { return row.mm2() * row.uncertainty; });
}

std::vector<std::pair<std::string, double>> AreaReport::components() const {
  std::vector<std::pair<std::string, double>> rows;
  for (const PartArea& row : parts) {
    if (!has_area(row)) continue;
    if (rows.empty() || rows.back().first != row.part.component)
      rows.emplace_back(row.part.component, 0);
    rows.back().second += row.mm2();
  }
  return rows;
}

std::string part_text(const MachinePart& part) {
  switch (part.kind) {
    case PartKind::kMac:
      return fmt::format("{} x {}{} MAC", part.units, part.is_scalable ? "scalable " : "",
                         part.type);
    case PartKind::kSram:
      return fmt::format("{} x bank of {} bytes, {} bit", part.units, part.capacity.value,
                         part.width.value);
    case PartKind::kLane:
      return fmt::format("{} x lane", part.units);
    case PartKind::kOnce:
      return "";
  }
  return "";
}

std::string named_part(const MachinePart& part) {
  const std::string what = part_text(part);
  return part.component + (what.empty() ? "" : ", ") + what;
}

AreaReport area_of(const std::vector<MachinePart>& parts, const EnergyTable& table) {
  AreaReport report;
  if (table.area) {
    report.table = table.area->name.empty() ? table.name : table.area->name;
    report.node = table.area->node.empty() ? table.node : table.area->node;
  }
  std::string single;
  for (const MachinePart& part : parts) {
    if (!table.area) {
      report.parts.push_back(unknown(part, "the energy table has no areas"));
    } else if (part.kind == PartKind::kMac) {
      report.parts.push_back(mac_area(part, *table.area));
    } else if (part.kind == PartKind::kSram) {
      report.parts.push_back(sram_area(part, *table.area, table.sram));
      if (!part.shares_a_port && has_area(report.parts.back()) && !table.area->sram)
        single += (single.empty() ? "" : ", ") + part.component;
    } else {
      report.parts.push_back(component_area(part, *table.area));
    }
  }
  if (table.area) add_notes(parts, table, report);
  if (!single.empty())
    report.notes.push_back(fmt::format(
        "the points are of banks with one port; without the second port, as these are read and "
        "written in one cycle and are not double-buffered: {}",
        single));
  return report;
}

}  // namespace bitjoule
