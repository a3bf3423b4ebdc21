#include "core/energy/price_sram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/energy/price_arithmetic.h"
#include "core/energy/sram_figures.h"

namespace bitjoule {
namespace {

double energy_at(const SramPoint& point, bool is_write) {
  return is_write && point.write ? point.write->value : point.read.value;
}

double per_bit(const SramPoint& point, bool is_write) {
  return energy_at(point, is_write) / static_cast<double>(point.width.value);
}

/// The power law through the two points around `capacity`, or the two nearest at an end.
double interpolated_per_bit(const std::vector<SramPoint>& points, Bytes capacity, bool is_write) {
  if (points.size() == 1) return per_bit(points.front(), is_write);
  std::size_t upper = 1;
  while (upper + 1 < points.size() && points[upper].capacity < capacity) ++upper;
  const SramPoint &a = points[upper - 1], &b = points[upper];
  const double ea = per_bit(a, is_write), eb = per_bit(b, is_write);
  const auto log_of = [](Bytes size) { return std::log(static_cast<double>(size.value)); };
  const double exponent = std::log(eb / ea) / (log_of(b.capacity) - log_of(a.capacity));
  return ea * std::exp(exponent * (log_of(capacity) - log_of(a.capacity)));
}

/// Where a figure of the table's memories comes from.
std::string sram_source(const Provenance& from, const EnergyTable& table) {
  Provenance named = from;
  if (named.source.empty()) named.source = table.sram.source;
  return source_of(named, table);
}

/// Of a grid of points; empty where they lack the figure.
std::optional<UnitPrice> grid_price(const Action& action, const EnergyTable& table,
                                    const SramFigure& figure) {
  const std::optional<double> value =
      sram_figure(table.sram, action.capacity, action.width, figure);
  if (!value) return std::nullopt;
  if (const SramPoint* point = sram_point(table.sram, action.capacity, action.width))
    return UnitPrice{point->from.derived ? PriceOrigin::kDerived : PriceOrigin::kQuoted,
                     Picojoules(*value), sram_source(point->from, table),
                     sram_uncertainty(table.sram, point->from)};
  const Provenance& from = table.sram.points.front().from;
  return UnitPrice{
      PriceOrigin::kDerived, Picojoules(*value),
      fmt::format("power laws in capacity and width {} the table's points: {}",
                  is_among_points(table.sram, action.capacity, action.width) ? "between" : "beyond",
                  sram_source(from, table)),
      sram_uncertainty(table.sram, from)};
}

}  // namespace

UnitPrice sram_leakage_price(const Action& action, const EnergyTable& table) {
  const std::optional<UnitPrice> price = grid_price(action, table, [](const SramPoint& p) {
    return p.leakage ? std::optional(p.leakage->value) : std::nullopt;
  });
  if (price) return *price;
  return {PriceOrigin::kUnpriced, Picojoules(), "the table has no such leakage"};
}

std::optional<UnitPrice> sram_price(const Action& action, const EnergyTable& table) {
  const std::vector<SramPoint>& points = table.sram.points;
  if (points.empty() || action.capacity.value < 1 || action.width.value < 1) return std::nullopt;
  const bool is_write = action.primitive == Primitive::kSramWrite;
  if (table.sram.width_rule == WidthScaling::kPowerLaw) {
    std::optional<UnitPrice> price = grid_price(action, table, [is_write](const SramPoint& point) {
      return std::optional(energy_at(point, is_write));
    });
    const bool as_read = is_write && std::any_of(points.begin(), points.end(),
                                                 [](const SramPoint& p) { return !p.write; });
    if (price && as_read) price->origin = PriceOrigin::kDerived;
    if (price && as_read) price->why = "as a read where points have no write; " + price->why;
    return price;
  }
  for (const SramPoint& point : points) {
    if (point.capacity != action.capacity) continue;
    const double uncertainty = sram_uncertainty(table.sram, point.from);
    if (point.width == action.width && (!is_write || point.write)) {
      Provenance from = point.from;
      from.uncertainty = uncertainty;
      return quoted_price(Picojoules(energy_at(point, is_write)), from, table);
    }
    const double energy = energy_at(point, is_write) * (static_cast<double>(action.width.value) /
                                                        static_cast<double>(point.width.value));
    const bool as_read = is_write && !point.write;
    return UnitPrice{
        PriceOrigin::kDerived, Picojoules(energy),
        fmt::format("{}{} bit at {} pJ in proportion to width: {}", as_read ? "as a read; " : "",
                    point.width.value, energy_at(point, is_write), sram_source(point.from, table)),
        uncertainty};
  }
  const double energy = interpolated_per_bit(points, action.capacity, is_write) *
                        static_cast<double>(action.width.value);
  const std::string rule =
      points.size() == 1
          ? "the table's one figure, whatever the capacity"
          : fmt::format(
                "power law in capacity {} the table's points",
                is_among_points(table.sram, action.capacity, action.width) ? "between" : "beyond");
  return UnitPrice{
      PriceOrigin::kDerived, Picojoules(energy),
      fmt::format("{}, in proportion to width: {}", rule, sram_source(points.front().from, table)),
      sram_uncertainty(table.sram, points.front().from)};
}

}  // namespace bitjoule
