#include "sim/result/result_fields.h"

#include <algorithm>
#include <iterator>

#include "sim/result/result_json.h"

namespace bitjoule {

void describe_result(const ExampleResult& example, ResultVisitor& v) {
  describe_head(example.run, "", v);
  describe_layers(example.run, example.result, v);
  v.object(kConfigField, [] {});
  if (example.result.network) describe_network(*example.result.network, v);
  if (example.result.accuracy) describe_accuracy(*example.result.accuracy, v);
}

const std::vector<FieldRow>& result_fields() {
  static const std::vector<FieldRow> kRows = collect_fields(describe_result);
  return kRows;
}

const char* over_layers_name(OverLayers over) {
  static constexpr const char* kNames[] = {"", "sum", "highest", "derived"};
  return kNames[static_cast<std::size_t>(over)];
}

std::string unit_of(const std::string& metric) {
  const FieldRow* field = find_field(metric, result_fields());
  return field == nullptr ? "" : field->unit;
}

bool more_is_better(const std::string& metric) {
  const FieldRow* field = find_field(metric, result_fields());
  return field != nullptr && field->more_is_better;
}

bool is_of_energy(const std::string& metric) {
  static constexpr const char* kUnits[] = {"pJ", "J", "W", "W/mm2", "TOPS/W"};
  const std::string unit = unit_of(metric);
  return std::any_of(std::begin(kUnits), std::end(kUnits),
                     [&](const char* of_energy) { return unit == of_energy; });
}

}  // namespace bitjoule
