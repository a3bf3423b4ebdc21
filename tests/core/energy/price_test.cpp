#include "core/energy/price.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace bitjoule::price_test {
namespace {

Action arithmetic(Primitive primitive, const std::string& type, std::int64_t count = 1) {
  Action action;
  action.component = "array";
  action.activity = "mac";
  action.primitive = primitive;
  action.type = type;
  action.count = count;
  return action;
}

Action sram(std::int64_t capacity, std::int64_t width, Primitive p = Primitive::kSramRead) {
  Action action;
  action.component = "weight_buffer";
  action.activity = "read_weights";
  action.primitive = p;
  action.capacity = Bytes(capacity);
  action.width = Bits(width);
  action.count = 1;
  return action;
}

Action dram(Primitive primitive, std::int64_t count) {
  Action action;
  action.component = "dram";
  action.activity = primitive_name(primitive);
  action.primitive = primitive;
  action.count = count;
  return action;
}

/// Round numbers, so that every expected price below can be seen at a glance.
EnergyTable plain_table() {
  EnergyTable table;
  table.name = "plain";
  table.source = "this test";
  table.arithmetic = {{Primitive::kAdd, "int32", Picojoules(3), {}},
                      {Primitive::kMultiply, "int8", Picojoules(5), {}},
                      {Primitive::kMultiply, "fp32", Picojoules(7), {}}};
  table.rules = {
      {Primitive::kMultiply, NumberFamily::kInteger, Picojoules(2), Picojoules(1), {}},
      {Primitive::kMultiply, NumberFamily::kFloat, Picojoules(0.5), Picojoules(0.25), {}}};
  table.sram.points = {{Bytes(1024), Bits(64), Picojoules(10), std::nullopt, {}},
                       {Bytes(4096), Bits(64), Picojoules(20), Picojoules(30), {}},
                       {Bytes(8192), Bits(32), Picojoules(40), std::nullopt, {}}};
  table.dram.scheme = DramPerAccess{Bits(64), Picojoules(640), Picojoules(1280), {}};
  table.unpriced = {{Primitive::kExp, "", "nobody measured it"}};
  return table;
}

double unit(const Action& action) { return unit_price(action, plain_table()).energy.value; }
PriceOrigin origin(const Action& action) { return unit_price(action, plain_table()).origin; }

std::string error_of(const Counts& counts, const EnergyTable& table) {
  try {
    price(counts, table);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("prices: a list has the table's, whatever it was asked before") {
  const PriceList list = plain_table();
  const PriceList copy = list;
  // Each differs from one before in a single thing that counts.
  const std::vector<Action> actions = {sram(1024, 64),
                                       sram(4096, 64),
                                       sram(4096, 32),
                                       sram(4096, 64, Primitive::kSramWrite),
                                       arithmetic(Primitive::kMultiply, "int8"),
                                       arithmetic(Primitive::kMultiply, "fp32"),
                                       arithmetic(Primitive::kAdd, "int32"),
                                       arithmetic(Primitive::kExp, "fp32")};
  for (int round = 0; round < 2; ++round)
    for (const Action& action : actions) {
      const UnitPrice expected = unit_price(action, plain_table());
      for (const PriceList* asked : {&list, &copy}) {
        const UnitPrice price = asked->of(action);
        CHECK(price.energy == expected.energy);
        CHECK(price.why == expected.why);
        CHECK(price.origin == expected.origin);
      }
    }
  const Action missing = arithmetic(Primitive::kDivide, "fp32");
  for (int round = 0; round < 2; ++round) CHECK_THROWS_AS(list.of(missing), Error);
}

TEST_CASE("price: quoted rows win, equal operands are one type") {
  for (const char* type : {"int8", "uint8", "int8xint8", "int8xuint8"}) {
    CHECK(unit(arithmetic(Primitive::kMultiply, type)) == 5);
    CHECK(origin(arithmetic(Primitive::kMultiply, type)) == PriceOrigin::kQuoted);
  }
}

TEST_CASE("price: every price names its source and its boundary") {
  const auto why = [](const Action& action) {
    const std::string text = unit_price(action, plain_table()).why;
    return text.substr(std::min(text.size(), text.rfind("; ")));
  };
  CHECK(why(arithmetic(Primitive::kMultiply, "int8")) == "; boundary: unit");
  CHECK(why(arithmetic(Primitive::kMultiply, "int4")) == "; boundary: unit");
  EnergyTable table = plain_table();
  table.source = "a paper";
  table.sram.points[0].from = {Boundary::kMacro, "", false};
  CHECK(unit_price(sram(1024, 64), table).why == "a paper; boundary: macro");
  CHECK(unit_price(sram(2048, 64), table).why ==
        "power law in capacity between the table's points, in proportion to width: a paper; "
        "boundary: macro");
}

TEST_CASE("price: other widths follow the rule in b^2 = b_a b_w, or in the significand's bits") {
  CHECK(unit(arithmetic(Primitive::kMultiply, "int4")) == doctest::Approx(2 * 16 + 4));
  CHECK(unit(arithmetic(Primitive::kMultiply, "int4xint8")) ==
        doctest::Approx(2 * 32 + std::sqrt(32.0)));
  CHECK(unit(arithmetic(Primitive::kMultiply, "fp16")) == doctest::Approx(0.5 * 121 + 0.25 * 11));
  CHECK(unit(arithmetic(Primitive::kMultiply, "bf16")) == doctest::Approx(0.5 * 64 + 0.25 * 8));
  CHECK(unit(arithmetic(Primitive::kMultiply, "tf32")) == doctest::Approx(0.5 * 121 + 0.25 * 11));
  CHECK(unit(arithmetic(Primitive::kMultiply, "fp8_e4m3")) == doctest::Approx(0.5 * 16 + 0.25 * 4));
  CHECK(origin(arithmetic(Primitive::kMultiply, "int4")) == PriceOrigin::kDerived);
}

TEST_CASE("price: SRAM points are exact, capacity follows a power law, width is proportional") {
  CHECK(unit(sram(1024, 64)) == 10);
  CHECK(origin(sram(1024, 64)) == PriceOrigin::kQuoted);
  CHECK(unit(sram(1024, 128)) == 20);
  CHECK(origin(sram(1024, 128)) == PriceOrigin::kDerived);
  CHECK(unit(sram(4096, 64, Primitive::kSramWrite)) == 30);
  CHECK(unit(sram(1024, 64, Primitive::kSramWrite)) == 10);
  CHECK(origin(sram(1024, 64, Primitive::kSramWrite)) == PriceOrigin::kDerived);
  // Twice the energy at four times the capacity: a square root, between the points and below.
  CHECK(unit(sram(2048, 64)) == doctest::Approx(10 * std::sqrt(2.0)));
  CHECK(unit(sram(256, 64)) == doctest::Approx(5));
  // 20 pJ at 64 bits, 80 pJ at 64 bits for twice the capacity: a square, also above.
  CHECK(unit(sram(16384, 64)) == doctest::Approx(320));
}

TEST_CASE("price: DRAM per access charges bits, its commands are included") {
  CHECK(unit(dram(Primitive::kDramRead, 1)) == 10);
  CHECK(unit(dram(Primitive::kDramWrite, 1)) == 20);
  CHECK(origin(dram(Primitive::kDramActivate, 1)) == PriceOrigin::kIncluded);
}

TEST_CASE("price: DRAM per command charges commands and, where stated, bits and time") {
  EnergyTable table = plain_table();
  DramPerCommand prices;
  prices.activate = Picojoules(1000);
  prices.read = Picojoules(100);
  table.dram.scheme = prices;
  const Counts counts = {dram(Primitive::kDramRead, 512), dram(Primitive::kDramReadBurst, 1),
                         dram(Primitive::kDramActivate, 2), dram(Primitive::kDramBackground, 50)};
  const EnergyReport report = price(counts, table);
  CHECK(report.total.value == 2100);
  REQUIRE(report.unpriced().size() == 1);
  CHECK(report.unpriced()[0].action.primitive == Primitive::kDramBackground);

  REQUIRE(report.components.size() == 2);  // in the order of the counts
  CHECK(report.components[0].component ==
        "dram_dram_read_burst");  // named as the test's activities
  CHECK(report.components[0].energy.value == 100);
  CHECK(report.components[1].component == "dram_dram_activate");
  CHECK(report.components[1].energy.value == 2000);

  prices.read_io = Picojoules(1);
  prices.background = Picojoules(2);
  table.dram.scheme = prices;
  CHECK(price(counts, table).total.value == 2100 + 512 + 100);

  CHECK(error_of({dram(Primitive::kDramRead, 512)}, table) ==
        "energy table \"plain\" prices DRAM by commands, and dram.dram_read counts none: use a "
        "cycle-level DRAM or a price per access");
  CHECK(error_of({dram(Primitive::kDramWriteBurst, 3)}, table) ==
        "the DRAM prices of the energy table \"plain\" have no price for dram.dram_write_burst: "
        "neither `write` nor `currents`");
}

TEST_CASE("price: the PHY of bits both ways, where a list has it, with a boundary of its own") {
  EnergyTable table = plain_table();
  DramPerCommand prices;
  prices.read = Picojoules(100);
  prices.from.boundary = Boundary::kDevice;
  table.dram.scheme = prices;
  const Counts counts = {dram(Primitive::kDramRead, 512), dram(Primitive::kDramPhy, 640),
                         dram(Primitive::kDramReadBurst, 1)};
  const auto device = [&] {
    return *price(counts, make_prices(plain_table(), "memory", table.dram, DramPricing::kDevice))
                .by_device;
  };
  CHECK(device().boundary == Boundary::kDevice);
  CHECK(device().unpriced == std::vector<std::string>{"dram_phy"});
  CHECK(device().dram.value == 100);

  prices.phy = DramPhy{Picojoules(4.5), {Boundary::kSystem, "nobody", true, 2}};
  table.dram.scheme = prices;
  CHECK(device().boundary == Boundary::kSystem);
  CHECK(device().unpriced.empty());
  CHECK(device().dram.value == 100 + 640 * 4.5);
  CHECK(device().low.value == 100 + 640 * 4.5 / 2);
  CHECK(device().high.value == 100 + 640 * 4.5 * 2);
  CHECK(
      error_of({dram(Primitive::kDramRead, 512), dram(Primitive::kDramReadBurst, 1)}, table) ==
      "energy table \"plain\" prices the PHY of dram, and the result has no count of dram_phy, as "
      "it is of an older version: run again, or take prices without `phy`");
}

TEST_CASE("price: the total is exactly the sum of the components, in order") {
  Counts counts = {arithmetic(Primitive::kMultiply, "fp32", 1'000'003), sram(3000, 48),
                   dram(Primitive::kDramRead, 777),
                   arithmetic(Primitive::kAdd, "int32", 12'345'678'901)};
  counts[0].component = "array";
  const EnergyReport report = price(counts, plain_table());
  REQUIRE(report.components.size() == 3);
  CHECK(report.components[0].component == "array");
  CHECK(report.components[0].energy.value == 7.0 * 1'000'003 + 3.0 * 12'345'678'901);
  double sum = 0;
  for (const ComponentEnergy& row : report.components) sum += row.energy.value;
  CHECK(sum == report.total.value);
}

TEST_CASE("price: bounds of the total, by every price's factor") {
  EnergyTable table = plain_table();
  Provenance unsure;
  unsure.source = "this test";
  unsure.uncertainty = 4;
  table.moves = {{Primitive::kClock, Bits(1), Picojoules(2), std::nullopt, "", unsure},
                 {Primitive::kPeWire, Bits(1), Picojoules(1), Nanometers(1000), "", unsure}};
  table.pe_pitch = Nanometers(2000);
  table.sram.width_rule = WidthScaling::kPowerLaw;
  table.sram.uncertainty = 2;
  table.sram.points[2].from.uncertainty = 8;
  table.rules[0].from.uncertainty = 1.5;
  Action clock = arithmetic(Primitive::kClock, "", 10), wire = clock;
  clock.width = wire.width = Bits(3);
  wire.primitive = Primitive::kPeWire;
  const EnergyReport r = price(
      {arithmetic(Primitive::kMultiply, "fp32", 1), arithmetic(Primitive::kMultiply, "int2", 1),
       sram(1024, 64), sram(2000, 64), sram(8192, 32), clock, wire},
      table);
  // The quoted multiplication's source states none.
  const double factors[] = {1, 1.5, 2, 2, 8, 4, 4};
  double low = 0, high = 0;
  for (std::size_t i = 0; i < r.actions.size(); ++i) {
    CAPTURE(i);
    CHECK(r.actions[i].unit.uncertainty == factors[i]);
    low += r.actions[i].energy.value / factors[i];
    high += r.actions[i].energy.value * factors[i];
  }
  CHECK(r.low.value == doctest::Approx(low));
  CHECK(r.high.value == doctest::Approx(high));
  CHECK(r.low < r.total);
  CHECK(r.total < r.high);
}

TEST_CASE("price: banks beyond the points are said") {
  const EnergyTable table = plain_table();  // up to 8 KiB
  const EnergyReport report = price({sram(8192, 64), sram(65536, 64)}, table);
  REQUIRE(report.notes.size() == 1);
  CHECK(
      report.notes[0] ==
      "plain: banks larger than any that it has a point for, by its rule: weight_buffer (8 times)");
}

TEST_CASE("price: memories and areas of another technology than the operations are said") {
  EnergyTable table = plain_table();
  table.node = "45 nm, 0.9 V";
  table.sram.node = "45 nm";
  CHECK(price({}, table).notes.empty());
  CHECK(price({}, table).node == "45 nm");
  table.sram.node = "22 nm, 0.8 V";
  table.area.emplace().node = "28 nm";
  CHECK(price({}, table).notes ==
        std::vector<std::string>{
            "plain: memories of 22 nm beside operations of 45 nm",
            "plain: areas of 28 nm beside energies of 45 nm: power density has both"});
  CHECK(price({}, table).node == "45 nm (memories 22 nm, areas 28 nm)");
}

TEST_CASE("price: ratios of a MAC and pJ have no sum") {
  EnergyTable table = plain_table();
  CHECK_NOTHROW(check_energy_table(table));
  table.unit = PriceUnit::kMac;
  CHECK_THROWS_WITH(check_energy_table(table),
                    "sram: figures are in pJ, those of the table \"plain\" ratios of a MAC (unit: "
                    "MAC): no sum has both");
  table.sram.unit = PriceUnit::kMac;
  CHECK_THROWS_WITH(check_energy_table(table),
                    "dram: figures are in pJ, those of the table \"plain\" ratios of a MAC (unit: "
                    "MAC): no sum has both");
  std::get<DramPerAccess>(table.dram.scheme).ratios = true;
  CHECK_NOTHROW(check_energy_table(table));
  const DramPrices own{DramPerAccess{Bits(64), Picojoules(1), Picojoules(1), {}}};
  CHECK_THROWS_WITH(
      make_prices(table, "mine", own, DramPricing::kDevice),
      "dram_prices: device: the DRAM \"mine\" is priced in pJ, all else by the energy "
      "table \"plain\" in ratios of a MAC: no sum has both; expected `table`");
  CHECK(!make_prices(table, "mine", own, DramPricing::kTable).device);
  CHECK(price({}, table).notes ==
        std::vector<std::string>{"plain: ratios of a MAC in the place of pJ: 1 pJ stands for one "
                                 "MAC, whatever that costs"});
  table.unit = PriceUnit::kPicojoule;
  CHECK_THROWS_WITH(check_energy_table(table),
                    "sram: figures are ratios of a MAC, those of the table \"plain\" in pJ: no sum "
                    "has both");
}

TEST_CASE("price: what has no price is listed or refused, never zero") {
  const EnergyReport report = price({arithmetic(Primitive::kExp, "fp32", 9)}, plain_table());
  REQUIRE(report.unpriced().size() == 1);
  CHECK(report.unpriced()[0].unit.why == "nobody measured it");
  CHECK(report.total.value == 0);
  // All at once; what was not done needs no price.
  CHECK(error_of({arithmetic(Primitive::kDivide, "fp32"), arithmetic(Primitive::kAdd, "fp32"),
                  arithmetic(Primitive::kConvert, "fp32", 0), sram(0, 64)},
                 plain_table()) ==
        "energy table \"plain\" has no price for array.mac: divide of fp32; add a row, or list it "
        "under unpriced\n"
        "energy table \"plain\" has no price for array.mac: add of fp32; add a row, or list it "
        "under unpriced\n"
        "energy table \"plain\" has no price for weight_buffer.read_weights: sram_read of 64 bit "
        "in a bank of 0 bytes; add a row, or list it under unpriced");
}

TEST_CASE("price: a table that contradicts itself is refused") {
  EnergyTable table = plain_table();
  table.arithmetic.push_back(table.arithmetic[0]);
  CHECK_THROWS_WITH(check_energy_table(table), "arithmetic: two rows for add of int32");
  table = plain_table();
  std::swap(table.sram.points[0], table.sram.points[1]);
  CHECK_THROWS_WITH(check_energy_table(table),
                    "sram: expected points by rising capacity, got 1024 after 4096");
  table = plain_table();
  table.sram.points[1].read = Picojoules(0);
  CHECK_THROWS_WITH(check_energy_table(table), "sram: energy of point 1 is zero");
}

TEST_CASE("price: both prices of the DRAM are told, and one of them counts") {
  const EnergyTable table = plain_table();  // 10 pJ per bit read, 7 per fp32 multiplication
  DramPrices own;
  own.scheme =
      DramPerAccess{Bits(32), Picojoules(64), Picojoules(96), {Boundary::kDevice, "", false}};
  const Counts counts = {arithmetic(Primitive::kMultiply, "fp32", 3),
                         dram(Primitive::kDramRead, 100), dram(Primitive::kDramWrite, 10)};
  const double array = 3 * 7, by_table = 100 * 640 / 64.0 + 10 * 1280 / 64.0,
               by_own = 100 * 64 / 32.0 + 10 * 96 / 32.0;
  for (const DramPricing counted : {DramPricing::kTable, DramPricing::kDevice}) {
    const EnergyReport report = price(counts, make_prices(table, "mine", own, counted));
    REQUIRE(report.by_table);
    REQUIRE(report.by_device);
    CHECK(report.by_table->dram.value == by_table);
    CHECK(report.by_table->total.value == array + by_table);
    CHECK(report.by_table->boundary == Boundary::kUnit);  // the default of the test's table
    CHECK(report.by_device->dram.value == by_own);
    CHECK(report.by_device->total.value == array + by_own);
    CHECK(report.by_device->boundary == Boundary::kDevice);
    CHECK(report.total.value == array + (counted == DramPricing::kTable ? by_table : by_own));
    CHECK(report.table == "plain");
    CHECK(report.dram == "mine");
  }
  const EnergyReport report = price(counts, make_prices(table, "mine", own, DramPricing::kDevice));
  CHECK(report.actions[1].unit.why == "no source named with mine; boundary: device");
}

TEST_CASE("price: a DRAM without prices of its own is not priced by them, and cannot count") {
  const EnergyTable table = plain_table();
  const EnergyReport report = price({dram(Primitive::kDramRead, 64)},
                                    make_prices(table, "bare", std::nullopt, DramPricing::kTable));
  CHECK(report.total.value == 640);
  CHECK(report.by_table->total.value == 640);
  CHECK_FALSE(report.by_device);
  CHECK_THROWS_WITH_AS(
      make_prices(table, "bare", std::nullopt, DramPricing::kDevice),
      "dram_prices: device: the DRAM \"bare\" is not priced by its own, as its file has no "
      "`energy`; `table` prices it by the energy table \"plain\"",
      Error);
}

TEST_CASE("price: of commands without a price the other sum says which") {
  DramPerCommand own;
  own.read = Picojoules(100);
  own.activate = Picojoules(1000);
  own.from.boundary = Boundary::kDevice;
  const Counts counts = {dram(Primitive::kDramRead, 512), dram(Primitive::kDramReadBurst, 2),
                         dram(Primitive::kDramActivate, 1), dram(Primitive::kDramBackground, 50)};
  const EnergyReport report =
      price(counts, make_prices(plain_table(), "mine", DramPrices{own}, DramPricing::kTable));
  CHECK(report.total.value == 512 * 10);
  CHECK(report.by_device->dram.value == 2 * 100 + 1000);
  // Older results do not count the PHY's bits; the prices have nothing of them all the same.
  CHECK(report.by_device->unpriced == std::vector<std::string>{"dram_background", "phy"});
}

}  // namespace bitjoule::price_test
