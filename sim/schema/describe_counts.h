// Counts and energies as they stand in result files: `to_json(counts)` writes what `sim price`
// reads.
#pragma once

#include <boost/json.hpp>

#include "core/energy/action.h"
#include "core/energy/price.h"
#include "core/enums.h"
#include "sim/config/describe.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<PriceOrigin>>& enum_rows();

template <class V>
void describe(V& v, Action& c) {
  v.required("component", c.component, "of the machine");
  v.required("activity", c.activity, "what for");
  v.required("primitive", c.primitive, "what was done");
  v.field("type", c.type, "operand type of arithmetic");
  v.field("width_bits", c.width.value, "of an SRAM access", at_least(0));
  v.field("capacity_bytes", c.capacity.value, "of the SRAM bank", at_least(0));
  v.required("count", c.count, "how many", at_least(0));
}

/// `energy` of a result: table, total_pj, components{}, unpriced[], and prices[] with a row per
/// action that says what one costs, why, and whether that is quoted or derived. Of a run also
/// dram_prices, and what all costs by_table and by_device (null: the DRAM's file has no prices).
boost::json::object energy_json(const EnergyReport& report);

/// `energy` of one layer of a result: total_pj and components{}.
boost::json::object layer_energy_json(const EnergyReport& report);

}  // namespace bitjoule
