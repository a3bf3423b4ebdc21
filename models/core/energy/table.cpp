#include "core/energy/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/energy/price_array.h"
#include "core/error.h"
#include "core/numeric/format.h"

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
      {Primitive::kRegisterRead, "register_read", "words"},
      {Primitive::kRegisterWrite, "register_write", "words"},
      {Primitive::kShift, "shift", "words"},
      {Primitive::kPeWire, "pe_wire", "words from PE to PE"},
      {Primitive::kEdgeWire, "edge_wire", "words x PE pitches"},
      {Primitive::kClock, "clock", "PEs x core cycles"},
      {Primitive::kActiveMultiply, "active_multiply", "operations"},
      {Primitive::kZeroMultiply, "zero_multiply", "operations"},
      {Primitive::kToggle, "toggle", "bits"},
      {Primitive::kDramRead, "dram_read", "bits"},
      {Primitive::kDramWrite, "dram_write", "bits"},
      {Primitive::kDramPhy, "dram_phy", "bits, both ways"},
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
      {Primitive::kSramLeakage, "sram_leakage", "nanoseconds of a bank"},
      {Primitive::kLeakage, "leakage", "nanoseconds of a unit"},
  };
  return kRows;
}

const char* primitive_name(Primitive primitive) {
  for (const PrimitiveRow& row : primitives())
    if (row.value == primitive) return row.name;
  throw internal_error("a primitive without a name");
}

namespace {

/// Of a MAC: an integer's width, or a float format.
bool is_number_type(std::string_view type) {
  constexpr std::string_view kInteger = "int";
  if (type.substr(0, kInteger.size()) == kInteger) {
    const std::string_view digits = type.substr(kInteger.size());
    return !digits.empty() && digits.size() <= 2 && digits.front() != '0' &&
           digits.find_first_not_of("0123456789") == std::string_view::npos;
  }
  return std::any_of(formats().begin(), formats().end(), [&](const Format& format) {
    return format.cls == FormatClass::kFloat && format.name == type;
  });
}

/// Of an operation: one number, or two ("int4xint8"), in a multiplier of a third ("... in int8").
bool is_operand_type(std::string_view type) {
  constexpr std::string_view kIn = " in ";
  if (const std::size_t in = type.find(kIn); in != std::string_view::npos)
    return is_operand_type(type.substr(0, in)) && is_number_type(type.substr(in + kIn.size()));
  const std::size_t by = type.find('x');
  return is_number_type(type) ||
         (by != std::string_view::npos && by > 0 && is_number_type(type.substr(0, by)) &&
          is_number_type(type.substr(by + 1)));
}

[[noreturn]] void refuse_type(const char* key, const std::string& type, const char* expected) {
  throw input_error(fmt::format("{}: type: expected {}, got \"{}\"", key, expected, type));
}

void require_source(const char* key, const Provenance& from) {
  if (from.source.empty())
    throw input_error(
        fmt::format("{}: source: missing: that of the table's operations says nothing of it", key));
}

void check_areas(const AreaPrices& area) {
  std::set<std::string> types, components;
  for (const MacArea& row : area.macs) {
    if (!types.insert(row.type).second)
      throw input_error(fmt::format("area: macs: two rows for {}", row.type));
    if (!is_number_type(row.type)) refuse_type("area: macs", row.type, "int8, fp16, ...");
    if (!(row.area.value > 0))
      throw input_error(fmt::format("area: macs: {}: expected an area above zero", row.type));
  }
  for (const ComponentArea& row : area.components) {
    if (!components.insert(row.component).second)
      throw input_error(fmt::format("area: components: two rows for {}", row.component));
    if (!(row.area.value > 0))
      throw input_error(
          fmt::format("area: components: {}: expected an area above zero", row.component));
  }
  if (area.scalable && !(*area.scalable > 0))
    throw input_error(
        fmt::format("area: scalable: expected a factor above zero, got {}", *area.scalable));
  if (area.sram && !(area.sram->per_bit.value > 0))
    throw input_error("area: sram: per_bit: expected an area above zero");
}

void check_voltage(const VoltageRule& rule) {
  if (!(rule.lowest.value > 0) || rule.lowest > rule.nominal || rule.nominal > rule.highest)
    throw input_error(
        fmt::format("voltage: expected 0 < lowest <= nominal <= highest, got {} V, {} V, {} V",
                    rule.lowest.value, rule.nominal.value, rule.highest.value));
}

}  // namespace

EnergyTable no_prices() {
  EnergyTable table;
  table.name = "none";
  for (const PrimitiveRow& row : primitives())
    table.unpriced.push_back({row.value, "", "the table has no prices"});
  return table;
}

namespace {

void check_array_prices(const EnergyTable& table) {
  std::set<Primitive> moved;
  for (const MovePrice& row : table.moves) {
    const char* name = primitive_name(row.primitive);
    if (!is_array_move(row.primitive))
      throw input_error(fmt::format("moves: {} is nothing that moves inside the array", name));
    if (!moved.insert(row.primitive).second)
      throw input_error(fmt::format("moves: two rows for {}", name));
    if (row.included.empty() != (row.energy.value > 0))
      throw input_error(fmt::format("moves: {}: expected either an energy or `included`", name));
    const bool wire = row.primitive == Primitive::kPeWire || row.primitive == Primitive::kEdgeWire;
    if (row.length && (!wire || !table.pe_pitch))
      throw input_error(fmt::format("moves: {}: a length is for wires, beside a pe_pitch", name));
    if (row.included.empty()) require_source(fmt::format("moves: {}", name).c_str(), row.from);
  }
  const bool has_length = std::any_of(table.moves.begin(), table.moves.end(),
                                      [](const MovePrice& row) { return row.length.has_value(); });
  if (table.pe_pitch && !has_length)
    throw input_error("pe_pitch: has no effect: no wire of `moves` has a length");
  const auto is_share = [](double share) { return share >= 0 && share <= 1; };
  if (table.data_dependence && !is_share(table.data_dependence->share))
    throw input_error(
        fmt::format("data_dependence: share: expected 0..1, got {}", table.data_dependence->share));
  if (table.data_dependence) require_source("data_dependence", table.data_dependence->from);
  if (table.scalable_multiplier)
    require_source("scalable_multiplier", table.scalable_multiplier->from);
  if (table.scalable_multiplier && !(table.scalable_multiplier->factor > 0))
    throw input_error(fmt::format("scalable_multiplier: factor: expected more than 0, got {}",
                                  table.scalable_multiplier->factor));
}

}  // namespace

namespace {

/// Ratios and pJ have no sum.
void check_units(const EnergyTable& table) {
  const bool ratios = table.unit == PriceUnit::kMac;
  const auto* access = std::get_if<DramPerAccess>(&table.dram.scheme);
  const auto require = [&](const char* key, bool are_ratios) {
    if (are_ratios != ratios)
      throw input_error(
          fmt::format("{}: figures are {}, those of the table \"{}\" {}: no sum has both", key,
                      are_ratios ? "ratios of a MAC" : "in pJ", table.name,
                      ratios ? "ratios of a MAC (unit: MAC)" : "in pJ"));
  };
  if (!table.sram.points.empty()) require("sram", table.sram.unit == PriceUnit::kMac);
  require("dram", access != nullptr && access->ratios);
  const auto leaks = [](const SramPoint& point) { return point.leakage.has_value(); };
  if (ratios && (!table.leakage.empty() ||
                 std::any_of(table.sram.points.begin(), table.sram.points.end(), leaks)))
    throw input_error(fmt::format(
        "leakage: figures are in W, those of the table \"{}\" ratios of a MAC (unit: MAC): no sum "
        "has both",
        table.name));
}

}  // namespace

void check_energy_table(const EnergyTable& table) {
  std::set<std::pair<Primitive, std::string>> types;
  for (const ArithmeticPrice& row : table.arithmetic) {
    if (!types.emplace(row.operation, row.type).second)
      throw input_error(fmt::format("arithmetic: two rows for {} of {}",
                                    primitive_name(row.operation), row.type));
    if (!is_operand_type(row.type))
      refuse_type("arithmetic", row.type, "int8, fp16, int4xint8, ...");
  }
  std::set<std::pair<Primitive, NumberFamily>> families;
  for (const WidthRule& rule : table.rules)
    if (!families.emplace(rule.operation, rule.family).second)
      throw input_error(fmt::format("rules: two rules for {} of {} numbers",
                                    primitive_name(rule.operation),
                                    rule.family == NumberFamily::kInteger ? "integer" : "float"));
  check_array_prices(table);
  check_units(table);
  const std::vector<SramPoint>& points = table.sram.points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool is_positive =
        points[i].read.value > 0 && (!points[i].write || points[i].write->value > 0);
    if (!is_positive) throw input_error(fmt::format("sram: energy of point {} is zero", i));
    if (i == 0) continue;
    const SramPoint &before = points[i - 1], &point = points[i];
    const bool is_grid = table.sram.width_rule == WidthScaling::kPowerLaw;
    if (point.capacity < before.capacity ||
        (point.capacity == before.capacity && !(is_grid && before.width < point.width)))
      throw input_error(fmt::format("sram: expected points by rising capacity{}, got {} after {}",
                                    is_grid ? ", then width" : "", point.capacity.value,
                                    before.capacity.value));
    if (point.leakage.has_value() != before.leakage.has_value() ||
        point.area.has_value() != before.area.has_value())
      throw input_error(fmt::format(
          "sram: expected leakage and area at all points or at none, point {} differs", i));
  }
  for (const SramPoint& point : points)
    if ((point.leakage && !(point.leakage->value > 0)) || (point.area && !(point.area->value > 0)))
      throw input_error("sram: expected leakage and area above zero");
  std::set<std::string> leaking;
  for (const LeakagePrice& row : table.leakage) {
    if (!leaking.insert(row.type).second)
      throw input_error(fmt::format("leakage: two rows for {}", row.type));
    constexpr std::string_view kScalable = "scalable ";
    const bool is_scalable = row.type.rfind(kScalable, 0) == 0;
    const std::string mac = is_scalable ? row.type.substr(kScalable.size()) : row.type;
    if (row.type != "lane" && !is_number_type(mac))
      refuse_type("leakage", row.type, "lane, int8, fp16, ..., scalable int8, ...");
    require_source(fmt::format("leakage: {}", row.type).c_str(), row.from);
  }
  if (table.area) check_areas(*table.area);
  if (table.voltage) check_voltage(*table.voltage);
}

}  // namespace bitjoule
