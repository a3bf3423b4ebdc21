#include "sim/schema/describe_energy.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe(V& v, ArithmeticPrice& c) {
  v.required("operation", c.operation, "add or multiply");
  v.required("type", c.type, "operand type: int8, fp16, ...");
  v.required("energy", c.energy, "of one operation");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, WidthRule& c) {
  v.required("operation", c.operation, "add or multiply");
  v.required("family", c.family, "the types it covers, and what b is");
  v.required("quadratic", c.quadratic, "energy per b^2");
  v.required("linear", c.linear, "energy per b");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, MovePrice& c) {
  v.required("primitive", c.primitive, "what moves: register_read, ..., clock");
  v.field("width", c.width, "bits of one move; others in proportion", range(1, 1 << 20));
  v.field("energy", c.energy, "of one move; of wires over `length`, else over a PE pitch");
  v.field("length", c.length, "of a wire; needs the table's pe_pitch",
          range(1, std::int64_t{1'000'000'000}));
  v.field("included", c.included, "instead of an energy: which other price contains it");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, ScalableMultiplier& c) {
  v.required("factor", c.factor, "over a fixed multiplier of the widest operands, each cycle");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, DataDependence& c) {
  v.required("multiplier", c.multiplier, "what its energy depends on");
  v.required("share", c.share, "of a multiplication's price, 0 to 1");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, SramPoint& c) {
  v.required("capacity", c.capacity, "of one bank", range(1, std::int64_t{1} << 40));
  v.required("width", c.width, "bits of one access", range(1, 1 << 20));
  v.required("read", c.read, "energy of one read access");
  v.field("write", c.write, "energy of one write access; default: a read's, derived");
  v.field("leakage", c.leakage, "power of the bank, whatever it does");
  v.field("area", c.area, "of the bank");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, SramPrices& c) {
  v.required("capacity_rule", c.capacity_rule, "capacities between and beyond the points");
  v.required("width_rule", c.width_rule, "other access widths");
  v.field("node", c.node, "technology; default: the table's");
  v.field("unit", c.unit, "of the figures: that of the table");
  v.required("source", c.source, "of points that do not name their own");
  v.field("uncertainty", c.uncertainty, "likewise; 1: not stated", range(1, 1000));
  v.required("points", c.points, "known banks, by rising capacity, then width");
}

template <class V>
void describe(V& v, LeakagePrice& c) {
  v.required("type", c.type, "of a MAC: int8, fp16, ..., scalable int8; or lane");
  v.required("power", c.power, "of one, whatever it does");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, VoltageRule& c) {
  v.required("nominal", c.nominal, "supply of the table's figures");
  v.required("lowest", c.lowest, "supply down to which the rule holds");
  v.required("highest", c.highest, "supply up to which the rule holds");
  v.field("energy", c.energy, "energy grows with the supply to the power of this", range(0, 10));
  v.field("leakage", c.leakage, "leakage likewise", range(0, 10));
  v.field("frequency", c.frequency, "the highest clock likewise", range(0, 10));
  v.required("source", c.source, "of the rule and its range");
}

template <class V>
void describe(V& v, MacArea& c) {
  v.required("type", c.type, "of the MAC: int8, fp16, ...");
  v.required("area", c.area, "of one");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, SramDensity& c) {
  v.required("per_bit", c.per_bit, "area of a bit, with its share of all that memories need");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, ComponentArea& c) {
  v.required("component", c.component,
             "of the machine; control_and_dma: sequencer, DMA, interfaces",
             one_of({"dequantizer", "output_unit", "vector_unit", "control_and_dma"}));
  v.field("per", c.per, "what the area is of");
  v.required("area", c.area, "of one");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, AreaPrices& c) {
  v.field("name", c.name, "shown in reports; default: the energy table's");
  v.field("node", c.node, "technology; default: the energy table's");
  v.field("description", c.description, "what the figures are good for, and what not");
  v.required("source", c.source, "of rows that do not name their own");
  v.required("macs", c.macs, "MACs by type");
  v.field("scalable", c.scalable, "a precision-scalable MAC over a fixed one of its type");
  v.field("sram", c.sram, "memories by the bit; default: the areas of the SRAM points");
  v.field("components", c.components, "everything else");
}

template <class V>
void describe(V& v, Unpriced& c) {
  v.required("primitive", c.primitive, "what has no price, one of `sim list primitives`");
  v.field("type", c.type, "of this type only; default: every type without a row");
  v.required("reason", c.reason, "why");
}

template <class V>
void describe(V& v, EnergyTable& c) {
  v.template base<EnergyTable>();
  v.required("name", c.name, "shown in reports");
  v.required("node", c.node, "technology and supply");
  v.field("unit", c.unit, "of the figures");
  v.field("description", c.description, "what the figures are good for, and what not");
  v.required("source", c.source, "of rows that do not name their own");
  v.required("arithmetic", c.arithmetic, "published operations");
  v.field("rules", c.rules, "how other widths are derived");
  v.field("scalable_multiplier", c.scalable_multiplier, "one that small multipliers compose");
  v.field("data_dependence", c.data_dependence, "of multiplications, where operands are counted");
  v.field("moves", c.moves, "registers, wires and clock of the array; default: not priced");
  v.field("pe_pitch", c.pe_pitch, "from PE to PE, where `area` does not say how wide a PE is",
          range(1, std::int64_t{1'000'000'000}));
  v.required("sram", c.sram, "on-chip memories");
  v.required("dram", c.dram, "external memory");
  v.field("leakage", c.leakage, "of MACs and lanes; that of memories stands with their points");
  v.field("voltage", c.voltage, "how prices follow from the supply; default: they hold at one");
  v.field("area", c.area, "how large the parts of a machine are");
  v.field("unpriced", c.unpriced, "primitives that have no price, with the reason");
  v.check([&] {
    for (const auto& [key, text] :
         {std::pair{"name", &c.name}, {"node", &c.node}, {"source", &c.source}})
      if (text->empty()) throw input_error(fmt::format("{}: expected a text, got none", key));
    check_energy_table(c);
  });
}

BITJOULE_DESCRIBED(ArithmeticPrice)
BITJOULE_DESCRIBED(WidthRule)
BITJOULE_DESCRIBED(MovePrice)
BITJOULE_DESCRIBED(ScalableMultiplier)
BITJOULE_DESCRIBED(DataDependence)
BITJOULE_DESCRIBED(SramPoint)
BITJOULE_DESCRIBED(SramPrices)
BITJOULE_DESCRIBED(LeakagePrice)
BITJOULE_DESCRIBED(VoltageRule)
BITJOULE_DESCRIBED(MacArea)
BITJOULE_DESCRIBED(SramDensity)
BITJOULE_DESCRIBED(ComponentArea)
BITJOULE_DESCRIBED(AreaPrices)
BITJOULE_DESCRIBED(Unpriced)
BITJOULE_DESCRIBED(EnergyTable)

}  // namespace bitjoule
