// What a price includes by its boundary, and what is named as not priced.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/energy/price.h"
#include "core/energy/unpriced.h"

namespace bitjoule::included_test {
namespace {

Action dram(const char* activity, Primitive primitive) {
  Action action;
  action.component = "dram";
  action.activity = activity;
  action.primitive = primitive;
  action.count = 8;
  return action;
}

/// All that a memory with commands counts, power-down apart.
Counts all_counts() {
  return {dram("read", Primitive::kDramRead),
          dram("write", Primitive::kDramWrite),
          dram("phy", Primitive::kDramPhy),
          dram("activate", Primitive::kDramActivate),
          dram("read_burst", Primitive::kDramReadBurst),
          dram("write_burst", Primitive::kDramWriteBurst),
          dram("refresh", Primitive::kDramRefresh),
          dram("background", Primitive::kDramBackground),
          dram("background_open", Primitive::kDramOpen),
          dram("background_refreshing", Primitive::kDramRefreshing)};
}

/// 10 pJ per bit.
EnergyTable per_bit(Boundary boundary) {
  EnergyTable table;
  table.name = "bits";
  Provenance from;
  from.boundary = boundary;
  table.dram.scheme = DramPerAccess{Bits(1), Picojoules(10), Picojoules(10), from};
  return table;
}

std::vector<std::string> lacking(Boundary boundary) {
  const EnergyReport report = price(
      all_counts(), make_prices(per_bit(boundary), "memory", std::nullopt, DramPricing::kTable));
  CHECK(report.total.value == 16 * 10);  // bits both ways, and nothing else
  return dram_kinds(report.by_table->unpriced);
}

}  // namespace

TEST_CASE("price: of a price per bit its boundary says what else is in it") {
  using Names = std::vector<std::string>;
  CHECK(lacking(Boundary::kSystem).empty());
  CHECK(lacking(Boundary::kDevice) == Names{"phy", "refresh", "standby"});
  CHECK(lacking(Boundary::kUnstated) == Names{"phy", "refresh", "standby"});
  CHECK(lacking(Boundary::kIo) == Names{"phy", "commands", "refresh", "standby"});
  const auto why = [](Boundary boundary) {
    return unit_price(dram("phy", Primitive::kDramPhy), per_bit(boundary)).why;
  };
  CHECK(why(Boundary::kSystem) == "included in the price per bit");
  CHECK(why(Boundary::kIo) == "not in the price per bit, whose boundary is `io`");
  CHECK(why(Boundary::kUnstated) ==
        "the source does not say whether its price per bit includes it");
}

TEST_CASE("price: commands of a system have the PHY in them, those of a device not") {
  EnergyTable table = per_bit(Boundary::kSystem);
  DramPerCommand commands;
  commands.read = commands.write = commands.activate = Picojoules(1);
  const auto origin = [&](Boundary boundary) {
    commands.from.boundary = boundary;
    table.dram.scheme = commands;
    return unit_price(dram("phy", Primitive::kDramPhy), table).origin;
  };
  CHECK(origin(Boundary::kSystem) == PriceOrigin::kIncluded);
  CHECK(origin(Boundary::kDevice) == PriceOrigin::kUnpriced);
}

TEST_CASE("price: what has no price has a name, leakage part by part where some has one") {
  EnergyTable table = per_bit(Boundary::kDevice);
  table.unpriced = {{Primitive::kConvert, "", "nobody measured it"}};
  const auto leak = [](const char* component, const char* type) {
    Action action;
    action.component = component;
    action.activity = "leakage";
    action.primitive = Primitive::kLeakage;
    action.type = type;
    action.count = 5;
    return action;
  };
  Action convert = leak("output_unit", "fp32"), none = leak("vector_unit", "lane");
  convert.activity = "convert";
  convert.primitive = Primitive::kConvert;
  none.count = 0;
  const Counts counts = {convert, dram("phy", Primitive::kDramPhy), leak("array", "fp16"),
                         leak("output_unit", "lane"), none};
  using Names = std::vector<std::string>;
  CHECK(unpriced_names(price(counts, table)) ==
        Names{"output_unit.convert", "dram.phy", "leakage"});
  table.leakage = {{"lane", Milliwatts(1), {}}};
  CHECK(unpriced_names(price(counts, table)) ==
        Names{"output_unit.convert", "dram.phy", "leakage of array (fp16)"});
}

}  // namespace bitjoule::included_test
