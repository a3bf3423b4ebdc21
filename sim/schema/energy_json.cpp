#include "sim/config/writer.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/describe_energy.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<PriceOrigin>>& enum_rows() {
  static const std::vector<EnumRow<PriceOrigin>> kRows = {
      {PriceOrigin::kQuoted, "quoted", "a figure of the table's source"},
      {PriceOrigin::kDerived, "derived", "by a rule of the table"},
      {PriceOrigin::kIncluded, "included", "contained in another action's price"},
      {PriceOrigin::kUnpriced, "unpriced", "not part of any sum"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DramPricing>>& enum_rows() {
  static const std::vector<EnumRow<DramPricing>> kRows = {
      {DramPricing::kTable, "table", "the energy table's: every DRAM costs the same"},
      {DramPricing::kDevice, "device", "those of the DRAM's own file, which must have some"}};
  return kRows;
}

namespace {

boost::json::object cost_json(const DramCost& cost) {
  boost::json::array unpriced(cost.unpriced.begin(), cost.unpriced.end());
  return {{"total_pj", cost.total.value},
          {"dram_pj", cost.dram.value},
          {"boundary", enum_name(cost.boundary)},
          {"unpriced", std::move(unpriced)}};
}

/// One action with the keys of `counts` and what it costs.
boost::json::object priced_json(const PricedAction& row) {
  boost::json::object result = to_json(row.action).as_object();
  result["price"] = enum_name(row.unit.origin);
  result["unit_pj"] = row.unit.energy.value;
  result["energy_pj"] = row.energy.value;
  result["why"] = row.unit.why;
  return result;
}

}  // namespace

boost::json::object layer_energy_json(const EnergyReport& report) {
  boost::json::object components;
  for (const ComponentEnergy& row : report.components) components[row.component] = row.energy.value;
  boost::json::object out{{"total_pj", report.total.value}, {"components", std::move(components)}};
  if (!report.by_table) return out;
  out["dram_prices"] = enum_name(report.counted);
  out["by_table"] = cost_json(*report.by_table);
  out["by_device"] = nullptr;
  if (report.by_device) out["by_device"] = cost_json(*report.by_device);
  return out;
}

boost::json::object energy_json(const EnergyReport& report) {
  boost::json::array unpriced, prices;
  for (const PricedAction& row : report.unpriced()) {
    boost::json::object item = to_json(row.action).as_object();
    item["why"] = row.unit.why;
    unpriced.push_back(std::move(item));
  }
  for (const PricedAction& row : report.actions) prices.push_back(priced_json(row));
  boost::json::object out{{"table", report.table}};
  for (auto& [key, value] : layer_energy_json(report)) out[key] = std::move(value);
  out["unpriced"] = std::move(unpriced);
  out["prices"] = std::move(prices);
  return out;
}

}  // namespace bitjoule
