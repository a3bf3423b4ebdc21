#include "core/energy/pe_pitch.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/energy/price.h"

namespace bitjoule::pe_pitch_test {
namespace {

/// 2 pJ for a bit over a millimetre; 100 um from PE to PE unless areas say otherwise.
EnergyTable table() {
  EnergyTable t;
  t.name = "wired";
  t.node = "45 nm, 0.9 V";
  t.moves = {{Primitive::kPeWire, Bits(1), Picojoules(2), Nanometers(1'000'000), "", {}}};
  t.pe_pitch = Nanometers(100'000);
  AreaPrices& area = t.area.emplace();
  area.name = "areas";
  area.node = "45 nm";
  area.macs = {{"int8", SquareMicrometres(2500), {}}, {"fp16", SquareMicrometres(30'000), {}}};
  area.scalable = 4;
  return t;
}

MachinePart macs(std::int64_t units, const char* type, bool scalable = false) {
  MachinePart part;
  part.component = "array";
  part.kind = PartKind::kMac;
  part.units = units;
  part.type = type;
  part.is_scalable = scalable;
  return part;
}

/// What a word of 8 bits over one wire costs with 6 PEs of these MACs.
double hop(const EnergyTable& prices, const std::vector<MachinePart>& parts) {
  Action action;
  action.primitive = Primitive::kPeWire;
  action.width = Bits(8);
  return unit_price(action, with_pe_pitch(prices, parts, 6)).energy.value;
}

std::string note(const EnergyTable& prices, const std::vector<MachinePart>& parts,
                 std::int64_t pes = 6) {
  const EnergyTable wired = with_pe_pitch(prices, parts, pes);
  CHECK(wired.pe_pitch == Nanometers(100'000));
  const std::vector<std::string> notes = price({}, wired).notes;
  return notes.empty() ? "" : notes.back();
}

}  // namespace

TEST_CASE("pe pitch: a wire from PE to PE is as long as a PE is wide") {
  // One MAC of 2500 um2 is 50 um wide, four are 100; four scalable ones of 10000 um2 200.
  CHECK(hop(table(), {macs(6, "int8")}) == doctest::Approx(8 * 2 * 0.05));
  CHECK(hop(table(), {macs(24, "int8")}) == doctest::Approx(8 * 2 * 0.1));
  CHECK(hop(table(), {macs(24, "int8", true)}) == doctest::Approx(8 * 2 * 0.2));
  // Both kinds side by side: 10000 + 30000 um2.
  CHECK(hop(table(), {macs(24, "int8"), macs(6, "fp16")}) == doctest::Approx(8 * 2 * 0.2));
  Action wire;
  wire.primitive = Primitive::kPeWire;
  wire.width = Bits(1);
  const UnitPrice price = unit_price(wire, with_pe_pitch(table(), {macs(6, "int8")}, 6));
  CHECK(price.why.find("a PE pitch of 50 um, the root of 2500 um2 by areas") != std::string::npos);
}

TEST_CASE("pe pitch: without areas of the PE it is the table's, and said") {
  const std::string stated = "wired: wires from PE to PE over 100 um, whatever a PE holds: ";
  const std::vector<MachinePart> parts = {macs(6, "int8")};
  EnergyTable t = table();
  CHECK(note(t, {macs(6, "int8"), macs(6, "fp8")}) == stated + "the table has no MAC of fp8");
  CHECK(note(t, parts, 0) == stated + "the result does not say what its PEs are");
  CHECK(note(t, {}) == stated + "the result does not say what its PEs are");
  t.area->node = "28 nm";
  CHECK(note(t, parts) == stated + "the areas are of 28 nm, the wires of 45 nm");
  t.area.reset();
  CHECK(note(t, parts) == stated + "the table has no areas");
  t.moves[0].length.reset();
  CHECK(note(t, parts).empty());  // each move has its price, whatever its length
}

}  // namespace bitjoule::pe_pitch_test
