#include "core/energy/area.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/energy/sram_figures.h"

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
  if (from.uncertainty == 1) from.uncertainty = sram.uncertainty;
  PartArea area = known(part, *value, from, source);
  if (point == nullptr)
    area.why = "power laws in capacity and width between the table's points: " + area.why;
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

}  // namespace

bool AreaReport::is_known() const { return std::any_of(parts.begin(), parts.end(), has_area); }
double AreaReport::total_mm2() const {
  return sum_of(*this, [](const PartArea& row) { return row.mm2(); });
}
double AreaReport::lowest_mm2() const {
  return sum_of(*this, [](const PartArea& row) { return row.mm2() / row.uncertainty; });
}
double AreaReport::highest_mm2() const {
  return sum_of(*this, [](const PartArea& row) { return row.mm2() * row.uncertainty; });
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
  if (!single.empty())
    report.notes.push_back(fmt::format(
        "the points are of banks with one port; without the second port, as these are read and "
        "written in one cycle and are not double-buffered: {}",
        single));
  return report;
}

}  // namespace bitjoule
