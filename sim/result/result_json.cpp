#include "sim/result/result_json.h"

#include <utility>

#include "run/run_parts.h"
#include "sim/config/writer.h"
#include "sim/result/run_hash.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::size_t kOfSmallRun = 64 << 10;                           // bytes of its tree, about
constexpr std::string_view kFidelities[] = {"fast", "pe", "estimate"};  // in the order of Fidelity

/// All of it shares one piece of memory, which goes as a whole.
template <class F>
json::object json_of(F describe) {
  JsonTree tree(json::make_shared_resource<json::monotonic_resource>(kOfSmallRun));
  JsonVisitor v(tree);
  tree.begin_object();
  describe(v);
  tree.end();
  return std::move(tree.take().as_object());
}

void describe_program(ResultVisitor& v) {
  v.object({"program", "",
            "which ran: `name`, `version`, `commit`, `modified`, `sources` (their digest), as "
            "`sim --version` says"},
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

}  // namespace

void describe_head(const RunConfig& run, const std::string& hash, ResultVisitor& v) {
  v.value({"schema_version", "", "of this layout"}, std::int64_t{kResultSchemaVersion});
  describe_program(v);
  v.value({"name", "", "of the run"}, run.name);
  v.value({"workload", "", "what is done, whatever does it: Pareto fronts rank points within one"},
          workload_text(run));
  v.value({"config_hash", "",
           "over the configuration, the program, and the tensors that the run reads from files"},
          hash);
  v.value({"fidelity", "", "`fast`, `pe` or `estimate`"},
          kFidelities[static_cast<std::size_t>(run.options.fidelity)]);
  v.value({"clock_hz", "Hz", "of the core"}, run.accelerator.clock.value);
}

void write_run(const RunConfig& run, const Result& result, const std::string& hash, JsonSink& sink,
               ResultVisitor& v) {
  sink.begin_object();
  describe_head(run, hash, v);
  describe_layers(run, result, v);
  sink.item(kConfigField.key);
  write_json(run, sink);
  if (result.network) describe_network(*result.network, v);
  if (result.accuracy) describe_accuracy(*result.accuracy, v);
  sink.end();
}

json::object result_json(const RunConfig& run, const Result& result, const std::string& hash) {
  JsonTree tree(json::make_shared_resource<json::monotonic_resource>(kOfSmallRun));
  JsonVisitor v(tree);
  write_run(run, result, hash.empty() ? run_hash(run) : hash, tree, v);
  return std::move(tree.take().as_object());
}

void write_result(const RunConfig& run, const Result& result, const TextSink& sink) {
  JsonText text(sink);
  JsonVisitor v(text);
  write_run(run, result, run_hash(run), text, v);
  text.take();
}

json::array kinds_json(const Result& result) {
  json::array all;
  const std::vector<KindTotals> kinds =
      result.network ? kind_totals(*result.network) : kind_totals(result.layer_passes, false);
  for (const KindTotals& kind : kinds)
    all.push_back(json_of([&](JsonVisitor& v) { describe_kind(kind, v); }));
  return all;
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
