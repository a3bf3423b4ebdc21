#include "sim/schema/run_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/numeric/rows.h"
#include "run/run_check.h"
#include "run/transforms.h"
#include "sim/config/digest.h"
#include "sim/config/naming.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/formats/tensor_file.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/unused_settings.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Fidelity>>& enum_rows() {
  static const std::vector<EnumRow<Fidelity>> kRows = {
      {Fidelity::kFast, "fast", "one module for the array, cycles from the wavefront"},
      {Fidelity::kPe, "pe", "a module with registers for every PE"},
      {Fidelity::kEstimate, "estimate",
       "nothing moves: exact counts, modelled time (estimate.md)"}};
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

constexpr std::int64_t kMaxStepLayers = std::int64_t{1} << 16;  // some 1 GB

/// Each decode step that is simulated holds its layers.
void require_few_steps(const Generation& g, std::size_t layers) {
  // decode_samples() takes at most two steps more, for the rest.
  const auto too_many = [&](std::int64_t every) {
    return (g.tokens - 1) / every + 3 >
           kMaxStepLayers / static_cast<std::int64_t>(std::max<std::size_t>(1, layers));
  };
  if (!too_many(g.every)) return;
  std::int64_t every = g.every;
  while (too_many(every) && every < g.tokens) every = 2 * every + 1;
  throw input_error(fmt::format(
      "generate: {} tokens, every {}: simulating so many steps of {} layers would take {} layers, "
      "at most {} are possible; choose every: {}",
      g.tokens, g.every, layers, (g.tokens - 1) / g.every * static_cast<std::int64_t>(layers),
      kMaxStepLayers, every));
}

/// The passes of a generation. What has no effect in any of them goes to `notes`.
std::vector<NetworkPhase> generated(NetworkFile file, const Generation& generation,
                                    NetworkOptions options, std::vector<std::string>& notes) {
  for (const char* name : {"batch", "prompt", "context", "tokens"})
    if (is_overridden(file, name))
      throw input_error(fmt::format("{}: a generation sets it: see generate",
                                    file.parameters.find(name)->place.str()));
  if (file.base.kind != Node::Kind::kNull && file.parameters.find("tokens") != nullptr)
    notes.emplace_back("network.parameters.tokens: no effect: a generation sets it");
  std::vector<NetworkPhase> phases;
  options.generates = true;
  file.phase = "prefill";
  options.parameters = {{"batch", generation.batch}, {"prompt", generation.prompt}};
  std::vector<std::string> of_prefill, of_decode;
  phases.push_back({"prefill", 0, 1, build_network(file, options, &of_prefill)});
  require_few_steps(generation, phases.front().network.layers.size());
  file.phase = "decode";
  std::string last;  // what the step before does
  for (const auto& [context, weight] : decode_samples(generation)) {
    of_decode.clear();
    options.parameters["context"] = context;
    Network network = build_network(file, options, &of_decode);
    std::string work = boost::json::serialize(to_json(network).at("layers"));
    if (work == last) {
      phases.back().weight += weight;
      continue;
    }
    last = std::move(work);
    phases.push_back({"decode", context, weight, std::move(network)});
  }
  const auto without_phase = [](const std::string& note) {
    return note.substr(0, note.find(" in phase "));
  };
  for (const std::string& note : of_prefill)
    for (const std::string& other : of_decode)
      if (without_phase(note) == without_phase(other)) notes.push_back(without_phase(note));
  return phases;
}

/// Layers whose format the run's `precision` says, of those that have one of that kind.
struct PrecisionUse {
  bool has_weights = false;  ///< whoever says their format
  bool activations = false, mac = false;
  std::set<std::string> weights;  ///< the names of those layers
};

PrecisionUse precision_use(const std::vector<NetworkPhase>& phases) {
  PrecisionUse use;
  for (const NetworkPhase& phase : phases)
    for (const NetworkLayer& layer : phase.network.layers) {
      const auto* op = std::get_if<VectorOp>(&layer.op);
      const bool has_weights = op != nullptr ? op->kind == VectorKind::kEmbedding
                                             : !std::holds_alternative<Matmul>(layer.op);
      use.has_weights |= has_weights;
      if (has_weights && !layer.precision.weights) use.weights.insert(layer.name);
      use.activations |= !layer.precision.activations;
      use.mac |= op == nullptr && !layer.precision.mac;
    }
  return use;
}

/// Throws where layers have no format of their weights.
void require_weights(const PrecisionUse& use) {
  if (use.weights.empty()) return;
  const std::size_t others = use.weights.size() - 1;
  throw input_error(fmt::format("precision.weights: missing: layer \"{}\"{} no format of {} own",
                                *use.weights.begin(),
                                others == 0 ? " has" : fmt::format(" and {} more have", others),
                                others == 0 ? "its" : "their"));
}

void note_precision(RunConfig& run) {
  const PrecisionUse use = precision_use(run.phases);
  const bool is_said = says_weights(run.precision);
  if (!is_said) require_weights(use);
  run.precision = with_weights(run.precision);
  const auto note = [&](bool used, const char* key, const char* whose) {
    if (!used)
      run.notes.push_back(
          fmt::format("precision.{}: no effect: the network brings {}", key, whose));
  };
  note(!use.weights.empty() || !run.precision.recipe.empty() || !is_said, "weights",
       use.has_weights ? "the format of every layer's weights" : "no layer with weights");
  note(use.activations, "activations", "the format of every layer's activations");
  note(use.mac, "mac", "the arithmetic of every layer with MACs");
}

/// Throws where values are on and the network's are not those of the model.
void check_values(const NetworkFile& network, bool values) {
  const std::vector<std::string> reasons = timing_only(network);
  if (values && !reasons.empty())
    throw input_error(
        fmt::format("values: on: the network is for timing alone: {}", fmt::join(reasons, "; ")));
}

/// The passes that a run's network or list of passes means. Repetitions are layers of their own
/// where layers overlap, as their order counts, and where values are on, as their data differ.
void set_phases(const RunFile& file, RunConfig& run) {
  NetworkOptions options;
  options.unroll = file.overlap == LayerOverlapMode::kLayers || run.options.values;
  options.recipe = file.precision.recipe;
  if (const auto* passes = std::get_if<std::vector<PassFile>>(&file.workload)) {
    for (const PassFile& pass : *passes) {
      check_values(pass.network, run.options.values);
      run.phases.push_back({pass.phase, pass.context, pass.weight,
                            build_network(pass.network, options, &run.notes)});
    }
  } else {
    const auto& network = std::get<NetworkFile>(file.workload);
    check_values(network, run.options.values);
    if (file.generation) {
      run.phases = generated(network, *file.generation, options, run.notes);
    } else {
      Network built = build_network(network, options, &run.notes);
      // Without values all steps are equal.
      const std::int64_t weight = run.options.values ? 1 : file.steps;
      run.phases = {{built.phase, 0, weight, std::move(built)}};
      if (run.options.values) run.steps = file.steps;
    }
  }
  note_precision(run);
}

/// The prefill of one sequence of so many tokens.
std::function<Network(std::int64_t)> prefills_of(const NetworkFile& network,
                                                 const std::string& recipe) {
  return [file = network, recipe](std::int64_t tokens) mutable {
    file.phase = "prefill";
    NetworkOptions options;
    options.unroll = true;
    options.recipe = recipe;
    options.generates = true;
    options.parameters = {{"batch", 1}, {"prompt", tokens}};
    return build_network(file, options);
  };
}

/// What a run's values are judged by.
std::optional<Evaluation> evaluation_of(const RunFile& file) {
  if (!file.evaluation) return std::nullopt;
  const EvaluationFile& written = *file.evaluation;
  const auto& network = std::get<NetworkFile>(file.workload);
  check_values(network, true);
  const std::string& recipe = file.precision.recipe;
  Evaluation evaluation{written.config, "", prefills_of(network, recipe), {}, {}};
  evaluation.as_it_is = [network, recipe] {
    NetworkOptions options;
    options.unroll = true;
    options.recipe = recipe;
    std::vector<std::string> told;  // of the run's network already
    return build_network(network, options, &told);
  };
  if (written.reference) {
    check_values(*written.reference, true);
    evaluation.reference = prefills_of(*written.reference, "");
    evaluation.reference_name = written.reference->name;
  }
  return evaluation;
}

void check_fidelity(const RunConfig& run, const Node& root) {
  naming(root.place.origin ? *root.place.origin : run.name, [&] { check_fidelity(run); });
}

void add_mix(const MixFile& mix, NetworkFile& network) {
  network.unroll |= mix.unroll;
  network.overrides.insert(network.overrides.end(), mix.overrides.begin(), mix.overrides.end());
}

/// The rules of a mix become those of the networks.
RunFile with_mix(RunFile file) {
  if (!file.mix) return file;
  if (auto* network = std::get_if<NetworkFile>(&file.workload)) add_mix(*file.mix, *network);
  if (auto* passes = std::get_if<std::vector<PassFile>>(&file.workload))
    for (PassFile& pass : *passes) add_mix(*file.mix, pass.network);
  return file;
}

RunConfig to_run(RunFile written, const Node& root) {
  RunFile file = with_mix(std::move(written));
  if (!file.accelerator.energy)
    throw input_error("energy: missing, here and in the accelerator");  // erased by an override
  RunConfig run;
  run.name = file.name;
  run.accelerator = std::move(file.accelerator.machine);
  run.dram = std::move(*file.accelerator.dram);  // there, as describe() checks
  run.energy = std::move(*file.accelerator.energy);
  run.precision = file.precision;
  run.options = file.options;
  run.options.tensors = std::make_shared<TensorFiles>();
  run.mapping = file.mapping;
  if (!run.mapping.objective && !run.mapping.weights)
    run.mapping.objective = file.accelerator.mapping_objective.value_or(MappingObjective::kEdp);
  if (const auto* layer = std::get_if<Layer>(&file.workload)) {
    run.layer = *layer;
    run.options.values = file.values.value_or(run.options.fidelity != Fidelity::kEstimate);
  } else {
    run.options.values = file.values.value_or(false);
    run.overlap = file.overlap;
    check_fidelity(run, root);
    set_phases(file, run);
  }
  check_fidelity(run, root);
  run.evaluation = evaluation_of(file);
  run.calibration = file.calibration;
  if (run.name.empty())
    run.name = run.phases.empty() ? run.layer.name : run.phases.front().network.name;
  const std::vector<std::string> unused = unused_settings(root, run);
  run.notes.insert(run.notes.end(), unused.begin(), unused.end());
  if (!run.phases.empty()) {
    const std::vector<std::string> transforms =
        transform_notes(run.phases.front().network, run.precision);
    run.notes.insert(run.notes.end(), transforms.begin(), transforms.end());
  }
  return run;
}

}  // namespace

RunConfig read_run(const Source& source, const std::vector<Override>& overrides) {
  Problems problems;
  const Node root = load_document<RunFile>(source, overrides, problems);
  RunFile file;
  read_value(root, "", file, {}, problems);
  problems.throw_if_any();
  return to_run(std::move(file), root);
}

RunTemplate::RunTemplate(const Source& source, const std::vector<Override>& overrides) {
  Problems problems;
  root_ = load_document<RunFile>(source, overrides, problems);
  problems.throw_if_any();
  Node* machine = root_.find("accelerator");
  if (machine == nullptr) return;
  if (Node* dram = machine->find("dram")) freeze<Shared<DramConfig>>(*dram);
  if (Node* energy = machine->find("energy")) freeze<Shared<EnergyTable>>(*energy);
}

RunConfig RunTemplate::with(const std::vector<Override>& overrides) const {
  Problems problems;
  Node root = root_;
  apply_overrides<RunFile>(root, overrides, problems);
  RunFile file;
  read_value(root, "", file, {}, problems);
  problems.throw_if_any();
  return to_run(std::move(file), root);
}

namespace {

/// The file that a run was read from, without its large parts; its passes are another matter.
RunFile small_parts(const RunConfig& run) {
  RunFile file;
  file.name = run.name;
  file.workload = run.layer;
  file.overlap = run.overlap;
  file.precision = run.precision;
  file.options = run.options;
  file.mapping = run.mapping;
  file.values = run.options.values;
  file.calibration = run.calibration;
  return file;
}

/// Appends what describe() takes by reference for the reader's sake; here it stays.
template <class T>
void append_part(const T& part, std::string& text) {
  append_digest(const_cast<T&>(part), text);
}

/// The same in 32 characters. Points of a sweep mostly have the memory and the prices of the one
/// before: what was hashed last is not hashed again.
template <class T>
void append_hash(const Shared<T>& part, std::string& text) {
  struct Last {
    Shared<T> part;
    std::string digest, hash;
  };
  thread_local Last last;
  if (last.hash.empty() || !last.part.is_same(part)) {
    std::string digest;
    append_part(part, digest);
    if (digest != last.digest) last.hash = text_hash(digest);
    last.digest = std::move(digest);
    last.part = part;
  }
  text += last.hash;
}

void append_machine(const RunConfig& run, std::string& text) {
  append_part(run.accelerator, text);
  append_hash(run.dram, text);
}

}  // namespace

std::string run_digest(const RunConfig& run) {
  std::string text;
  text.reserve(1 << 12);
  append_part(small_parts(run), text);
  append_machine(run, text);
  append_hash(run.energy, text);
  for (const NetworkPhase& p : run.phases)
    text += fmt::format("{}:{} {} {} {}", p.name.size(), p.name, p.context, p.weight,
                        boost::json::serialize(to_json(p.network)));
  return text;
}

std::string machine_digest(const RunConfig& run) {
  std::string text;
  text.reserve(1 << 11);
  append_machine(run, text);
  append_part(run.options.fidelity, text);
  return text;
}

boost::json::value to_json(const RunConfig& run) {
  JsonTree tree;
  write_json(run, tree);
  return tree.take();
}

void write_json(const RunConfig& run, JsonSink& sink) {
  RunFile file = small_parts(run);
  file.accelerator.machine = run.accelerator;
  file.dram = run.dram;
  file.energy = run.energy;
  if (run.phases.empty()) return write_json(file, sink);
  JsonTree tree;
  write_json(file, tree);
  boost::json::value value = tree.take();
  boost::json::object& json = value.as_object();
  json.erase("layer");
  boost::json::array passes;
  for (const NetworkPhase& p : run.phases)
    passes.push_back({{"phase", p.name},
                      {"context", p.context},
                      {"weight", p.weight},
                      {"network", to_json(p.network)}});
  json["passes"] = std::move(passes);
  sink.put(value);
}

}  // namespace bitjoule
