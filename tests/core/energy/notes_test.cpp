// What is said of figures beyond the points of a table, and of a rule beyond its technology.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/energy/area.h"
#include "core/energy/price.h"
#include "core/energy/voltage.h"
#include "core/error.h"

namespace bitjoule::notes_test {
namespace {

using Notes = std::vector<std::string>;

/// Points of 1 and 4 KiB with ports of 64 and 128 bits.
EnergyTable grid() {
  EnergyTable table;
  table.name = "grid";
  table.node = "45 nm, 0.9 V";
  table.sram.width_rule = WidthScaling::kPowerLaw;
  for (const std::int64_t kib : {1, 4})
    for (const std::int64_t width : {64, 128}) {
      SramPoint point;
      point.capacity = Bytes(kib * 1024);
      point.width = Bits(width);
      point.read = Picojoules(static_cast<double>(kib * width));
      point.leakage = Milliwatts(1);
      point.area = SquareMicrometres(100);
      table.sram.points.push_back(point);
    }
  return table;
}

Action access(const char* component, std::int64_t bytes, std::int64_t bits,
              Primitive primitive = Primitive::kSramRead) {
  Action action;
  action.component = component;
  action.activity = "read";
  action.primitive = primitive;
  action.capacity = Bytes(bytes);
  action.width = Bits(bits);
  action.count = 1;
  return action;
}

}  // namespace

TEST_CASE("price notes: banks and ports beyond the points are said on every side") {
  const EnergyTable table = grid();
  CHECK(price({access("a", 1024, 64), access("b", 3000, 100)}, table).notes.empty());
  CHECK(price({access("a", 256, 64), access("b", 8192, 64), access("c", 1024, 512),
               access("d", 1024, 16), access("a", 256, 64, Primitive::kSramWrite)},
              table)
            .notes ==
        Notes{"grid: banks larger than any that it has a point for, by its rule: b (2 times)",
              "grid: banks smaller than any that it has a point for, by its rule: a (4 times)",
              "grid: ports wider than any that it has a point for, by its rule: c (4 times)",
              "grid: ports narrower than any that it has a point for, by its rule: d (4 times)"});
  // What leaks and is not used, too.
  CHECK(price({access("a", 512, 64, Primitive::kSramLeakage)}, table).notes ==
        Notes{"grid: banks smaller than any that it has a point for, by its rule: a (2 times)"});
}

TEST_CASE("price notes: a corner of the grid without a point is outside of the points") {
  EnergyTable table = grid();
  table.sram.points.erase(table.sram.points.begin() + 1);  // 1 KiB x 128 bits
  // Left are 1 KiB x 64, 4 KiB x 64 and 4 KiB x 128: a triangle in logarithms, on whose long side
  // lies 2 KiB x 90.5 bits.
  CHECK(price({access("a", 2048, 90), access("b", 4096, 100), access("c", 3000, 64)}, table)
            .notes.empty());
  const EnergyReport out = price({access("a", 2048, 91), access("b", 1024, 128)}, table);
  CHECK(out.notes ==
        Notes{"grid: capacity and width each within its points, both together outside of them, by "
              "its rule: a (2048 B x 91 bit), b (1024 B x 128 bit)"});
  CHECK(out.actions[0].unit.why.find("beyond the table's points") != std::string::npos);
  CHECK(price({access("a", 2048, 90)}, table)
            .actions[0]
            .unit.why.find("between the table's points") != std::string::npos);
  table.area.emplace().node = "45 nm";
  MachinePart part;
  part.component = "weight_buffer";
  part.kind = PartKind::kSram;
  part.capacity = Bytes(1024);
  part.width = Bits(128);
  const AreaReport area = area_of({part}, table);
  CHECK(area.notes ==
        Notes{"capacity and width each within its points, both together outside of them, by its "
              "rule: weight_buffer"});
  CHECK(area.parts[0].why.find("beyond the table's points") != std::string::npos);
}

TEST_CASE("price notes: a single point stands for memories of any size and port") {
  EnergyTable table = grid();
  table.sram.points.resize(1);
  CHECK(price({access("a", 1 << 20, 1024)}, table).notes.empty());
  table.sram.width_rule = WidthScaling::kProportional;
  table.source = "this test";
  CHECK(price({access("a", 1 << 20, 128)}, table).actions[0].unit.why ==
        "the table's one figure, whatever the capacity, in proportion to width: this test; "
        "boundary: unit");
}

TEST_CASE("area notes: banks and ports beyond the points are said on every side") {
  EnergyTable table = grid();
  table.area.emplace().node = "45 nm";
  const auto bank = [](std::int64_t bytes, std::int64_t bits) {
    MachinePart part;
    part.component = "weight_buffer";
    part.kind = PartKind::kSram;
    part.capacity = Bytes(bytes);
    part.width = Bits(bits);
    return part;
  };
  CHECK(area_of({bank(2048, 100)}, table).notes.empty());
  const AreaReport small = area_of({bank(512, 256)}, table);
  CHECK(small.notes ==
        Notes{"banks smaller than any that the table has a point for, by its rule: weight_buffer",
              "ports wider than any that the table has a point for, by its rule: weight_buffer"});
  CHECK(small.parts[0].why.find("beyond the table's points") != std::string::npos);
}

TEST_CASE("price notes: a supply's rule of one technology on memories of another is said") {
  EnergyTable table = grid();
  table.voltage = VoltageRule{Volts(0.9), Volts(0.8), Volts(1), 2, 2.5, 1.7, "this test"};
  table.sram.node = "22 nm";
  const std::string beside = "grid: memories of 22 nm beside operations of 45 nm";
  CHECK(price({}, table).notes == Notes{beside});
  CHECK(price({}, at_voltage(table, Volts(0.85))).notes ==
        Notes{beside,
              "grid: the rule for supplies, of 45 nm, is applied to memories of 22 nm, whose own "
              "is not known"});
  table.sram.node = "45 nm";
  CHECK(price({}, at_voltage(table, Volts(0.85))).notes.empty());
}

TEST_CASE("energy table: leakage in watts has no place among ratios of a MAC") {
  EnergyTable table = grid();
  table.unit = table.sram.unit = PriceUnit::kMac;
  DramPerAccess bits;
  bits.ratios = true;
  table.dram.scheme = bits;
  const char* const refused =
      "leakage: figures are in W, those of the table \"grid\" ratios of a MAC (unit: MAC): no sum "
      "has both";
  CHECK_THROWS_WITH(check_energy_table(table), refused);
  for (SramPoint& point : table.sram.points) point.leakage.reset();
  CHECK_NOTHROW(check_energy_table(table));
  table.leakage = {{"lane", Milliwatts(1), {}}};
  CHECK_THROWS_WITH(check_energy_table(table), refused);
}

}  // namespace bitjoule::notes_test
