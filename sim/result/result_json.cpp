#include "sim/result/result_json.h"

#include "sim/config/writer.h"
#include "sim/result/run_hash.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::string_view kFidelities[] = {"fast", "pe", "estimate"};  // in the order of Fidelity

json::string_view text(std::string_view view) { return {view.data(), view.size()}; }

/// What it visits, as JSON.
class JsonVisitor : public ResultVisitor {
 public:
  void value(const Field& field, const Value& value) override {
    add(field, std::visit([](auto v) { return to_value(v); }, value));
  }
  void begin_object(const Field& field) override { open_.push_back({field, json::object()}); }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field& field) override { open_.push_back({field, json::array()}); }
  void end() override {
    Level level = std::move(open_.back());
    open_.pop_back();
    add(level.field, std::move(level.value));
  }
  void add(const Field& field, json::value value) {
    json::value& outer = open_.empty() ? all_ : open_.back().value;
    if (json::array* list = outer.if_array())
      list->push_back(std::move(value));
    else
      outer.as_object()[text(field.key)] = std::move(value);
  }
  json::object take() { return std::move(all_.as_object()); }

 private:
  struct Level {
    Field field;
    json::value value;
  };
  template <class T>
  static json::value to_value(T value) {
    return value;
  }
  static json::value to_value(std::string_view value) { return text(value); }

  json::value all_ = json::object();
  std::vector<Level> open_;
};

template <class F>
json::object json_of(F describe) {
  JsonVisitor v;
  describe(v);
  return v.take();
}

void describe_program(ResultVisitor& v) {
  v.object({"program", "",
            "which program ran: `name`, `version`, `commit` (null: built where git knows none, "
            "from a tarball), `modified` (whether the sources were changed since), `sources` (a "
            "digest of them); `sim --version` says the same"},
           [&] {
             for (const auto& [name, value] : program_json()) {
               const Field field{std::string_view(name.data(), name.size())};
               if (const json::string* string = value.if_string())
                 v.value(field, std::string_view(string->data(), string->size()));
               else if (const bool* flag = value.if_bool())
                 v.value(field, *flag);
               else
                 v.value(field, nullptr);
             }
           });
}

void describe_run(const RunConfig& run, const std::vector<LayerResult>& layers, JsonVisitor& v) {
  describe_head(run, run_hash(run), v);
  describe_layers(run, layers, v);
  v.add(kConfigField, to_json(run));
}

}  // namespace

void describe_head(const RunConfig& run, const std::string& hash, ResultVisitor& v) {
  v.value({"schema_version", "", "of this layout"}, std::int64_t{kResultSchemaVersion});
  describe_program(v);
  v.value({"name", "", "of the run"}, run.name);
  v.value({"config_hash", "",
           "over the configuration, the program, and the tensors that the run reads from files"},
          hash);
  v.value({"fidelity", "", "`fast`, `pe` or `estimate`"},
          kFidelities[static_cast<std::size_t>(run.options.fidelity)]);
  v.value({"clock_hz", "Hz", "of the core"}, run.accelerator.clock.value);
}

json::object result_json(const RunConfig& run, const std::vector<LayerResult>& layers) {
  return json_of([&](JsonVisitor& v) { describe_run(run, layers, v); });
}

json::object result_json(const RunConfig& run, const NetworkResult& network) {
  return json_of([&](JsonVisitor& v) {
    describe_run(run, network.layers, v);
    describe_network(network, v);
  });
}

json::object error_json(const Quality& error) {
  return json_of([&](JsonVisitor& v) { describe_error(error, v); });
}

json::object energy_json(const EnergyReport& report) {
  return json_of([&](JsonVisitor& v) { describe_energy(report, v); });
}

json::object area_json(const AreaReport& report) {
  return json_of([&](JsonVisitor& v) { describe_area(report, v); });
}

json::object area_json(const AreaReport& report, const EnergyReport& energy, double seconds,
                       double macs) {
  return json_of([&](JsonVisitor& v) {
    describe_area(report, v);
    describe_area_use(report, energy, seconds, macs, v);
  });
}

json::object layer_energy_json(const EnergyReport& report) {
  return json_of([&](JsonVisitor& v) { describe_layer_energy(report, v); });
}

}  // namespace bitjoule
