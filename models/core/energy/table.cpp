#include "core/energy/table.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "core/error.h"

namespace bitjoule {

const std::vector<PrimitiveRow>& primitives() {
  static const std::vector<PrimitiveRow> kRows = {
      {Primitive::kAdd, "add", "operations"},
      {Primitive::kMultiply, "multiply", "operations"},
      {Primitive::kConvert, "convert", "operations"},
      {Primitive::kLookup, "lookup", "operations"},
      {Primitive::kCompare, "compare", "operations"},
      {Primitive::kDivide, "divide", "operations"},
      {Primitive::kExp, "exp", "operations"},
      {Primitive::kSramRead, "sram_read", "accesses"},
      {Primitive::kSramWrite, "sram_write", "accesses"},
      {Primitive::kDramRead, "dram_read", "bits"},
      {Primitive::kDramWrite, "dram_write", "bits"},
      {Primitive::kDramActivate, "dram_activate", "ACT + PRE pairs"},
      {Primitive::kDramReadBurst, "dram_read_burst", "bursts"},
      {Primitive::kDramWriteBurst, "dram_write_burst", "bursts"},
      {Primitive::kDramRefresh, "dram_refresh", "all-bank refreshes"},
      {Primitive::kDramBackground, "dram_background", "nanoseconds of a rank"},
      {Primitive::kDramRefreshBank, "dram_refresh_bank", "refreshes of banks"},
      {Primitive::kDramOpen, "dram_open", "picoseconds of a rank"},
      {Primitive::kDramClosed, "dram_closed", "picoseconds of a rank"},
      {Primitive::kDramPowerDown, "dram_power_down", "picoseconds of a rank"},
      {Primitive::kDramRefreshing, "dram_refreshing", "picoseconds of a rank"},
      {Primitive::kDramOpenBanks, "dram_open_banks", "picoseconds of a bank"},
  };
  return kRows;
}

const char* primitive_name(Primitive primitive) {
  for (const PrimitiveRow& row : primitives())
    if (row.value == primitive) return row.name;
  throw internal_error("a primitive without a name");
}

EnergyTable no_prices() {
  EnergyTable table;
  table.name = "none";
  for (const PrimitiveRow& row : primitives())
    table.unpriced.push_back({row.value, "", "the table has no prices"});
  return table;
}

void check_energy_table(const EnergyTable& table) {
  std::set<std::pair<Primitive, std::string>> types;
  for (const ArithmeticPrice& row : table.arithmetic)
    if (!types.emplace(row.operation, row.type).second)
      throw input_error(fmt::format("arithmetic: two rows for {} of {}",
                                    primitive_name(row.operation), row.type));
  std::set<std::pair<Primitive, NumberFamily>> families;
  for (const WidthRule& rule : table.rules)
    if (!families.emplace(rule.operation, rule.family).second)
      throw input_error(fmt::format("rules: two rules for {} of {} numbers",
                                    primitive_name(rule.operation),
                                    rule.family == NumberFamily::kInteger ? "integer" : "float"));
  const std::vector<SramPoint>& points = table.sram.points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool is_positive =
        points[i].read.value > 0 && (!points[i].write || points[i].write->value > 0);
    if (!is_positive) throw input_error(fmt::format("sram: energy of point {} is zero", i));
    if (i > 0 && points[i].capacity <= points[i - 1].capacity)
      throw input_error(fmt::format("sram: expected points by rising capacity, got {} after {}",
                                    points[i].capacity.value, points[i - 1].capacity.value));
  }
}

}  // namespace bitjoule
