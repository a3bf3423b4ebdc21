// Keys of energy tables.
#pragma once

#include "core/energy/table.h"
#include "core/enums.h"
#include "sim/config/describe.h"
#include "sim/schema/describe_dram_prices.h"

namespace bitjoule {

template <>
struct FileKind<EnergyTable> {
  static constexpr const char* kFolder = "energy";
};

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
void describe(V& v, SramPoint& c) {
  v.required("capacity", c.capacity, "of one bank", range(1, std::int64_t{1} << 40));
  v.required("width", c.width, "bits of one access", range(1, 1 << 20));
  v.required("read", c.read, "energy of one read access");
  v.field("write", c.write, "energy of one write access; default: a read's, derived");
  describe_provenance(v, c.from);
}

template <class V>
void describe(V& v, SramPrices& c) {
  v.required("capacity_rule", c.capacity_rule, "capacities between and beyond the points");
  v.required("width_rule", c.width_rule, "other access widths");
  v.required("points", c.points, "known accesses, by rising capacity");
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
  v.field("description", c.description, "what the figures are good for, and what not");
  v.required("source", c.source, "of rows that do not name their own");
  v.required("arithmetic", c.arithmetic, "published operations");
  v.field("rules", c.rules, "how other widths are derived");
  v.required("sram", c.sram, "on-chip memories");
  v.required("dram", c.dram, "external memory");
  v.field("unpriced", c.unpriced, "primitives that have no price, with the reason");
  v.check([&] { check_energy_table(c); });
}

}  // namespace bitjoule
