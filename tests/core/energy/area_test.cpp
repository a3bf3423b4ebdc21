#include "core/energy/area.h"

#include <doctest/doctest.h>

#include "core/mapping/machine_parts.h"

namespace bitjoule::area_test {
namespace {

Provenance within(double times, bool derived = false) {
  Provenance from;
  from.boundary = Boundary::kChip;
  from.derived = derived;
  from.uncertainty = times;
  return from;
}

EnergyTable table() {
  EnergyTable t;
  t.name = "areas";
  t.node = "28 nm";
  AreaPrices& area = t.area.emplace();
  area.source = "this test";
  area.macs = {{"int8", SquareMicrometres(1000), within(2)}};
  area.scalable = 3;
  area.sram = SramDensity{SquareMicrometres(0.5), within(1.25)};
  area.components = {
      {"vector_unit", AreaUnit::kLane, SquareMicrometres(2000), within(1)},
      {"control_and_dma", AreaUnit::kMachine, SquareMicrometres(400'000), within(1)}};
  return t;
}

/// 16 x 8 PEs of 32 bits with 4 MACs of int8; every buffer 64 KiB but the accumulators' 128 KiB.
AcceleratorConfig machine(Packing packing) {
  AcceleratorConfig m;
  m.array.rows = 16;
  m.array.cols = 8;
  m.array.pe.width = 32;
  m.array.pe.packing = packing;
  m.buffers.accumulator.capacity = Bytes(128 * 1024);
  m.vector_unit.lanes = 10;
  return m;
}

DataPath int8_path(std::int64_t macs) {
  DataPath path;
  path.mac = find_mac_type("int8");
  path.macs_per_pe = macs;
  return path;
}

double mm2_of(const AreaReport& report, const std::string& name) {
  for (const auto& [component, mm2] : report.components())
    if (component == name) return mm2;
  return 0;
}

}  // namespace

TEST_CASE("area: parts times their areas, and what has no figure is listed") {
  const AreaReport report =
      area_of(machine_parts(machine(Packing::kWidest), {int8_path(4), int8_path(4)}), table());
  // 16 x 8 x 4 MACs, once, although two layers have them.
  CHECK(mm2_of(report, "array") == doctest::Approx(0.512));
  CHECK(mm2_of(report, "weight_buffer") == doctest::Approx(64 * 8192 * 0.5e-6));
  CHECK(mm2_of(report, "accumulator_buffer") == doctest::Approx(128 * 8192 * 0.5e-6));
  CHECK(mm2_of(report, "vector_unit") == doctest::Approx(0.02));
  CHECK(mm2_of(report, "control_and_dma") == doctest::Approx(0.4));
  const double sram = (4 * 64 + 128) * 8192 * 0.5e-6;
  CHECK(report.known_mm2() == doctest::Approx(0.512 + sram + 0.02 + 0.4));
  // Two units without a figure: there is no total, neither as a number nor as a bound.
  CHECK(!report.total_mm2());
  CHECK(!report.lowest_mm2());
  CHECK(!report.highest_mm2());
  CHECK(report.unknown() ==
        std::vector<std::string>{"dequantizer, 128 x lane", "output_unit, 32 x lane"});
  EnergyTable whole = table();
  for (const char* unit : {"dequantizer", "output_unit"})
    whole.area->components.push_back({unit, AreaUnit::kMachine, SquareMicrometres(1e6), within(4)});
  const AreaReport all = area_of(machine_parts(machine(Packing::kWidest), {int8_path(4)}), whole);
  CHECK(all.total_mm2().value() == doctest::Approx(0.512 + sram + 0.42 + 2));
  CHECK(all.lowest_mm2().value() == doctest::Approx(0.512 / 2 + sram / 1.25 + 0.42 + 2.0 / 4));
  CHECK(all.highest_mm2().value() == doctest::Approx(0.512 * 2 + sram * 1.25 + 0.42 + 2 * 4));
  CHECK(all.unknown().empty());
  std::vector<std::string> unknown;
  for (const PartArea& row : report.parts)
    if (row.origin == PriceOrigin::kUnpriced) unknown.push_back(row.part.component);
  CHECK(unknown == std::vector<std::string>{"dequantizer", "output_unit"});
}

TEST_CASE("area: precision-scalable PEs have width / 8 wider MACs; passes have one of the width") {
  const AreaReport scalable =
      area_of(machine_parts(machine(Packing::kProduct), {int8_path(16)}), table());
  CHECK(mm2_of(scalable, "array") == doctest::Approx(16 * 8 * 4 * 3 * 1000e-6));
  const AreaReport passes =
      area_of(machine_parts(machine(Packing::kPasses), {int8_path(1)}), table());
  CHECK(mm2_of(passes, "array") == 0);  // no row for int32
  CHECK(passes.parts[0].why == "the table has no MAC of int32");
}

TEST_CASE("area: banks by the points, the missing second port of single-buffered ones is said") {
  EnergyTable t = table();
  t.area->sram.reset();
  SramPoint point;
  point.capacity = Bytes(8 * 1024);
  point.width = Bits(64);
  point.read = Picojoules(1);
  point.area = SquareMicrometres(30'000);
  t.sram.width_rule = WidthScaling::kPowerLaw;
  t.sram.points = {point};
  AcceleratorConfig m = machine(Packing::kWidest);
  m.buffers.accumulator.capacity = Bytes(64 * 1024);
  m.buffers.accumulator.double_buffered = false;
  const AreaReport report = area_of(machine_parts(m, {int8_path(4)}), t);
  CHECK(mm2_of(report, "input_buffer") == doctest::Approx(8 * 0.03));  // 8 banks of 8 KiB
  REQUIRE(report.notes.size() == 2);
  CHECK(report.notes[0] == "control_and_dma is one figure, whatever the size of the machine");
  CHECK(report.notes[1].find("not double-buffered: accumulator_buffer") != std::string::npos);
}

TEST_CASE(
    "area: memories of another technology, and banks beyond the points, are said or unknown") {
  EnergyTable t = table();
  t.area->sram.reset();
  t.area->components.clear();
  t.sram.node = "45 nm";
  t.sram.width_rule = WidthScaling::kPowerLaw;
  SramPoint point;
  point.capacity = Bytes(2 * 1024);
  point.width = Bits(64);
  point.read = Picojoules(1);
  point.area = SquareMicrometres(10'000);
  t.sram.points = {point, point};
  t.sram.points[1].capacity = Bytes(4 * 1024);
  MachinePart bank;
  bank.component = "weight_buffer";
  bank.kind = PartKind::kSram;
  bank.width = Bits(64);
  bank.capacity = Bytes(64 * 4 * 1024);
  const AreaReport report = area_of({bank}, t);
  CHECK(report.total_mm2().value() == doctest::Approx(0.01));
  CHECK(report.notes == std::vector<std::string>{
                            "memories of 45 nm beside logic of 28 nm",
                            "banks larger than any that the table has a point for, by its rule: "
                            "weight_buffer"});
}

TEST_CASE("area: one unified buffer stands for its roles") {
  AcceleratorConfig m = machine(Packing::kWidest);
  m.buffers.unified.emplace();  // 512 KiB: input, weight, accumulator, output
  const AreaReport report = area_of(machine_parts(m, {int8_path(4)}), table());
  CHECK(mm2_of(report, "unified_buffer") == doctest::Approx(512 * 8192 * 0.5e-6));
  CHECK(mm2_of(report, "weight_buffer") == 0);
  CHECK(mm2_of(report, "scale_buffer") == doctest::Approx(64 * 8192 * 0.5e-6));
}

TEST_CASE("area: a table without areas knows none, and says so of every part") {
  EnergyTable none;
  none.name = "none";
  const AreaReport report = area_of(machine_parts(machine(Packing::kWidest), {}), none);
  CHECK(!report.has_figures());
  CHECK(!report.total_mm2());
  for (const PartArea& row : report.parts) CHECK(row.origin == PriceOrigin::kUnpriced);
}

TEST_CASE("parts: whole nanoseconds of cycles, exactly") {
  CHECK(whole_nanoseconds(Cycles(7), Hertz(700'000'000)) == 10);
  CHECK(whole_nanoseconds(Cycles(1), Hertz(3'000'000'000)) == 0);
  CHECK(whole_nanoseconds(Cycles(std::int64_t{1} << 60), Hertz(2'000'000'000)) == std::int64_t{1}
                                                                                      << 59);
}

}  // namespace bitjoule::area_test
