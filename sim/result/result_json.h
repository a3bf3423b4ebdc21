// result.json: docs/result.md describes the layout, whose version is `schema_version`. What is in
// it, and in which order, is described in run/described_result.h.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "run/described_result.h"
#include "sim/config/writer.h"

namespace bitjoule {

inline constexpr int kResultSchemaVersion = 2;
/// The resolved configuration, which stands between layers and network.
inline constexpr Field kConfigField{"config", "", "what was run, resolved"};

/// What it visits, as JSON.
class JsonVisitor : public ResultVisitor {
 public:
  explicit JsonVisitor(JsonSink& sink) : sink_(sink) {}

  void value(const Field& field, const Value& value) override {
    sink_.item(field.key);
    sink_.put(value);
  }
  void begin_object(const Field& field) override {
    sink_.item(field.key);
    sink_.begin_object();
  }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field& field) override {
    sink_.item(field.key);
    sink_.begin_list();
  }
  void end() override { sink_.end(); }

 private:
  JsonSink& sink_;
};

/// What stands before the run's own: program, names.
void describe_head(const RunConfig& run, const std::string& hash, ResultVisitor& v);

/// All of result.json, but for the parts of the configuration.
void describe_result(const ExampleResult& example, ResultVisitor& v);

/// A run; totals are sums over layers times their repeats. `hash` is run_hash(run), where it is
/// known already.
boost::json::object result_json(const RunConfig& run, const Result& result,
                                const std::string& hash = "");

/// The text of the same, as json_text() has it, to a sink: of a network layer by layer.
void write_result(const RunConfig& run, const Result& result, const TextSink& sink);
/// The same to `sink`; all but the configuration through `v`, which is a JsonVisitor of it, or one
/// that tells another too.
void write_run(const RunConfig& run, const Result& result, const std::string& hash, JsonSink& sink,
               ResultVisitor& v);

/// The elements of `network.kinds`, of a run with one layer too.
boost::json::array kinds_json(const Result& result);

boost::json::object error_json(const Quality& error);
boost::json::object energy_json(const EnergyReport& report);
boost::json::object layer_energy_json(const EnergyReport& report);
boost::json::object area_json(const AreaReport& report);
/// ... with what a run makes of it: its energy by component, time and MACs.
boost::json::object area_json(const AreaReport& report, const EnergyReport& energy, double seconds,
                              double macs);

/// One row per layer, units in the header.
std::string layers_csv(const std::vector<LayerResult>& layers);

}  // namespace bitjoule
