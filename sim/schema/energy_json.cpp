#include "sim/config/writer.h"
#include "sim/schema/describe_counts.h"

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

namespace {

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

boost::json::object energy_json(const EnergyReport& report) {
  boost::json::object components;
  for (const ComponentEnergy& row : report.components) components[row.component] = row.energy.value;
  boost::json::array unpriced, prices;
  for (const PricedAction& row : report.unpriced()) {
    boost::json::object item = to_json(row.action).as_object();
    item["why"] = row.unit.why;
    unpriced.push_back(std::move(item));
  }
  for (const PricedAction& row : report.actions) prices.push_back(priced_json(row));
  return {{"table", report.table},
          {"total_pj", report.total.value},
          {"components", std::move(components)},
          {"unpriced", std::move(unpriced)},
          {"prices", std::move(prices)}};
}

}  // namespace bitjoule
