#include <doctest/doctest.h>

#include <cmath>

#include "core/energy/parts.h"
#include "core/energy/price.h"
#include "core/energy/voltage.h"
#include "core/error.h"

namespace bitjoule::static_energy_test {
namespace {

/// 8 MACs of int8 at 0.5 mW, 2 banks at 3 mW, lanes that nobody measured; an addition costs 4 pJ.
EnergyTable table() {
  EnergyTable t;
  t.name = "leaky";
  t.node = "45 nm, 0.9 V";
  t.source = "this test";
  t.arithmetic = {{Primitive::kAdd, "int32", Picojoules(4), {}}};
  t.leakage = {{"int8", Milliwatts(0.5), {}}};
  SramPoint point;
  point.capacity = Bytes(1024);
  point.width = Bits(64);
  point.read = Picojoules(1);
  point.leakage = Milliwatts(3);
  t.sram.width_rule = WidthScaling::kPowerLaw;
  t.sram.points = {point};
  t.dram.scheme = DramPerAccess{Bits(64), Picojoules(640), Picojoules(640), {}};
  t.voltage = VoltageRule{Volts(1.0), Volts(0.8), Volts(1.2), 2, 3, 1.7, "this test"};
  return t;
}

std::vector<MachinePart> parts() {
  MachinePart mac, bank, lane, control;
  mac.component = "array";
  mac.kind = PartKind::kMac;
  mac.type = "int8";
  mac.units = 8;
  bank.component = "weight_buffer";
  bank.kind = PartKind::kSram;
  bank.units = 2;
  bank.capacity = Bytes(1024);
  bank.width = Bits(64);
  lane.component = "vector_unit";
  lane.units = 32;
  control.component = "control_and_dma";
  control.kind = PartKind::kOnce;
  return {mac, bank, lane, control};
}

Counts counts(std::int64_t nanoseconds) {
  Action add;
  add.component = "array";
  add.activity = "accumulate";
  add.primitive = Primitive::kAdd;
  add.type = "int32";
  add.count = 100;
  Action bits = add;
  bits.component = "dram";
  bits.activity = "read";
  bits.primitive = Primitive::kDramRead;
  bits.type = "";
  bits.count = 64;
  Counts all = {add, bits};
  append_leakage(parts(), nanoseconds, &all);
  return all;
}

double component(const EnergyReport& report, const std::string& name) {
  for (const ComponentEnergy& row : report.components)
    if (row.component == name) return row.energy.value;
  return -1;
}

}  // namespace

TEST_CASE("static energy: units times power times time, beside what is done") {
  const EnergyReport report = price(counts(1000), table());
  // array: 100 x 4 pJ, and 8 x 0.5 mW x 1000 ns = 4000 pJ; buffer: 2 x 3 mW x 1000 ns.
  CHECK(component(report, "array") == 4400);
  CHECK(component(report, "weight_buffer") == 6000);
  CHECK(component(report, "dram") == 640);
  CHECK(report.fixed.value == 10000);
  CHECK(report.total.value == 4400 + 6000 + 640);
  double sum = 0;
  for (const ComponentEnergy& row : report.components) sum += row.energy.value;
  CHECK(sum == report.total.value);
  REQUIRE(report.fixed_components.size() == 2);
  CHECK(report.fixed_components[0].energy.value == 4000);
  CHECK(report.fixed_components[1].energy.value == 6000);
}

TEST_CASE("static energy: a slow machine pays, and what has no leakage is listed") {
  const EnergyReport fast = price(counts(1000), table()), slow = price(counts(3000), table());
  CHECK(slow.total.value - fast.total.value == 20000);
  const std::vector<PricedAction> unpriced = fast.unpriced();
  REQUIRE(unpriced.size() == 1);
  CHECK(unpriced[0].action.component == "vector_unit");
  CHECK(unpriced[0].action.count == 32 * 1000);
}

TEST_CASE(
    "static energy: a precision-scalable MAC leaks what the table says of such, or is not priced") {
  MachinePart mac = parts()[0];
  mac.is_scalable = true;
  Counts leaked;
  append_leakage({mac}, 1000, &leaked);
  REQUIRE(leaked.size() == 1);
  CHECK(leaked[0].activity == "leakage_scalable_int8");
  EnergyTable t = table();
  const EnergyReport without = price(leaked, t);
  REQUIRE(without.unpriced().size() == 1);  // not as the fixed MAC's 0.5 mW
  t.leakage.push_back({"scalable int8", Milliwatts(2), {}});
  CHECK(price(leaked, t).fixed.value == 8 * 2 * 1000);
}

TEST_CASE("voltage: energy with V^2, leakage by its exponent, DRAM not at all") {
  const EnergyReport report = price(counts(1000), at_voltage(table(), Volts(0.8)));
  CHECK(component(report, "array") == doctest::Approx(400 * 0.64 + 4000 * 0.512));
  CHECK(component(report, "weight_buffer") == doctest::Approx(6000 * 0.512));
  CHECK(component(report, "dram") == 640);
  CHECK(report.actions[0].unit.origin == PriceOrigin::kDerived);
}

TEST_CASE("voltage: refused beyond the rule, without a rule, and without a known clock") {
  CHECK_NOTHROW(at_voltage(table(), Volts(1.2)));
  CHECK_THROWS_AS(at_voltage(table(), Volts(1.21)), Error);
  CHECK_THROWS_AS(at_voltage(table(), Volts(0.79)), Error);
  EnergyTable none = table();
  none.voltage.reset();
  CHECK_THROWS_AS(at_voltage(none, Volts(1.0)), Error);
  CHECK(at_voltage(none, std::nullopt).name == "leaky");

  AcceleratorConfig machine;
  machine.clock = Hertz(500'000'000);
  machine.voltage = Volts(0.8);
  CHECK_THROWS_AS(check_supply(machine, table()), Error);  // the highest clock is not known
  machine.max_clock = Hertz(1'000'000'000);
  CHECK_NOTHROW(check_supply(machine, table()));
  // 0.8^1.7 = 0.6843: 684 MHz are the most.
  machine.clock = Hertz(684'000'000);
  CHECK_NOTHROW(check_supply(machine, table()));
  machine.clock = Hertz(685'000'000);
  CHECK_THROWS_AS(check_supply(machine, table()), Error);
  machine.voltage.reset();
  CHECK_NOTHROW(check_supply(machine, table()));
  machine.clock = Hertz(1'000'000'001);
  CHECK_THROWS_AS(check_supply(machine, table()), Error);
}

}  // namespace bitjoule::static_energy_test
