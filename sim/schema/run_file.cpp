#include "sim/schema/run_file.h"

#include <fmt/format.h>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/formats/tensor_file.h"
#include "sim/schema/describe_run.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Fidelity>>& enum_rows() {
  static const std::vector<EnumRow<Fidelity>> kRows = {
      {Fidelity::kFast, "fast", "one module for the array, cycles from the wavefront"},
      {Fidelity::kPe, "pe", "a module with registers for every PE"}};
  return kRows;
}

template <>
const std::vector<EnumRow<LayerOverlapMode>>& enum_rows() {
  static const std::vector<EnumRow<LayerOverlapMode>> kRows = {
      {LayerOverlapMode::kNone, "none", "at the end of a layer the machine drains"},
      {LayerOverlapMode::kLayers, "layers", "weights of the next layer are fetched meanwhile"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Verify>>& enum_rows() {
  static const std::vector<EnumRow<Verify>> kRows = {
      {Verify::kFull, "full", "every output"},
      {Verify::kSample, "sample", "all outputs of small layers, an even sample of large ones"},
      {Verify::kOff, "off", "none"}};
  return kRows;
}

EnergyTable read_energy_table(const std::string& name, const std::vector<Override>& overrides) {
  return read_document<EnergyTable>(file_source(name), overrides);
}

namespace {

/// Brought by a --set of its own, not by a file.
bool from_option(const Node& parameter) {
  const std::string origin = parameter.place.origin ? *parameter.place.origin : "";
  return parameter.place.line == 0 && origin.rfind("--set network.parameters", 0) == 0;
}

/// `options`: repetitions are layers of their own where layers overlap, as their order counts, and
/// where values are on, as their data differ.
std::vector<NetworkPhase> phases_of(NetworkFile file, const std::optional<Generation>& generation,
                                    NetworkOptions options) {
  if (!generation) {
    Network network = build_network(file, options);
    return {{network.phase, 0, 1, std::move(network)}};
  }
  for (const char* name : {"batch", "prompt", "context", "tokens"})
    if (const Node* given = file.parameters.find(name); given != nullptr && from_option(*given))
      throw input_error(fmt::format("{}: a generation sets it: see generate", given->place.str()));
  std::vector<NetworkPhase> phases;
  file.phase = "prefill";
  options.parameters = {{"batch", generation->batch}, {"prompt", generation->prompt}};
  phases.push_back({"prefill", 0, 1, build_network(file, options)});
  file.phase = "decode";
  for (const auto& [context, weight] : decode_samples(*generation)) {
    options.parameters["context"] = context;
    phases.push_back({"decode", context, weight, build_network(file, options)});
  }
  return phases;
}

RunConfig to_run(const RunFile& file) {
  if (!file.accelerator.energy)
    throw input_error("energy: missing, here and in the accelerator");  // erased by an override
  RunConfig run;
  run.name = file.name;
  run.accelerator = file.accelerator.machine;
  run.dram = *file.accelerator.dram;  // there, as describe() checks
  run.energy = *file.accelerator.energy;
  run.precision = file.precision;
  run.options = file.options;
  run.options.tensors = std::make_shared<TensorFiles>();
  run.mapping = file.mapping;
  if (!run.mapping.objective)
    run.mapping.objective = file.accelerator.mapping_objective.value_or(MappingObjective::kTraffic);
  if (const auto* layer = std::get_if<Layer>(&file.workload)) {
    run.layer = *layer;
    run.options.values = file.values.value_or(true);
  } else {
    run.options.values = file.values.value_or(false);
    run.overlap = file.overlap;
    NetworkOptions options;
    options.unroll = file.overlap == LayerOverlapMode::kLayers || run.options.values;
    if (const auto* network = std::get_if<NetworkFile>(&file.workload))
      run.phases = phases_of(*network, file.generation, options);
    else
      for (const PassFile& pass : std::get<std::vector<PassFile>>(file.workload))
        run.phases.push_back(
            {pass.phase, pass.context, pass.weight, build_network(pass.network, options)});
  }
  if (run.name.empty())
    run.name = run.phases.empty() ? run.layer.name : run.phases.front().network.name;
  return run;
}

}  // namespace

RunConfig read_run(const Source& source, const std::vector<Override>& overrides) {
  return to_run(read_document<RunFile>(source, overrides));
}

RunTemplate::RunTemplate(const Source& source, const std::vector<Override>& overrides) {
  Problems problems;
  root_ = load_document<RunFile>(source, overrides, problems);
  problems.throw_if_any();
}

RunConfig RunTemplate::with(const std::vector<Override>& overrides) const {
  Problems problems;
  Node root = root_;
  apply_overrides<RunFile>(root, overrides, problems);
  RunFile file;
  read_value(root, "", file, {}, problems);
  problems.throw_if_any();
  return to_run(file);
}

boost::json::value to_json(const RunConfig& run) {
  RunFile file;
  file.name = run.name;
  file.accelerator.machine = run.accelerator;
  file.dram = run.dram;
  file.energy = run.energy;
  file.workload = run.layer;
  file.overlap = run.overlap;
  file.precision = run.precision;
  file.options = run.options;
  file.mapping = run.mapping;
  file.values = run.options.values;
  boost::json::object json = to_json(file).as_object();
  if (run.phases.empty()) return json;
  json.erase("layer");
  boost::json::array passes;
  for (const NetworkPhase& p : run.phases)
    passes.push_back({{"phase", p.name},
                      {"context", p.context},
                      {"weight", p.weight},
                      {"network", to_json(p.network)}});
  json["passes"] = std::move(passes);
  return json;
}

}  // namespace bitjoule
