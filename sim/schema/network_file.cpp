#include "sim/schema/network_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <utility>

#include "core/error.h"
#include "run/recipe_layers.h"
#include "sim/config/reader.h"
#include "sim/config/suggest.h"
#include "sim/schema/contexts.h"
#include "sim/schema/describe_network.h"
#include "sim/schema/expand.h"
#include "sim/schema/rule_keys.h"

namespace bitjoule {
namespace {

constexpr int kMaxNetworkBases = 8;

/// Entries of `over` replace those of `map` with the same key.
void merge_map(Node& map, const Node& over) {
  if (over.kind == Node::Kind::kNull) return;
  if (map.kind != Node::Kind::kMap || over.kind != Node::Kind::kMap) {
    map = over;
    return;
  }
  for (const NodeEntry& entry : over.entries) {
    if (Node* existing = map.find(entry.key))
      *existing = entry.value;
    else
      map.entries.push_back(entry);
  }
}

using Names = std::set<std::string>;

void add_keys(const Node& map, Names& names) {
  for (const NodeEntry& entry : map.entries) names.insert(entry.key);
}

void erase_entries(Node& map, const Names& keys) {
  map.entries.erase(
      std::remove_if(map.entries.begin(), map.entries.end(),
                     [&](const NodeEntry& entry) { return keys.count(entry.key) != 0; }),
      map.entries.end());
}

/// What the phases say of these parameters does not count: they are set for all of them.
void free_from_phases(Node& phases, const Names& parameters) {
  for (NodeEntry& phase : phases.entries) erase_entries(phase.value, parameters);
}

/// The file with what its base files say where it says nothing. Parameters that these declare are
/// added to `declared`. A parameter of the file that every phase of its bases sets would never
/// count, so it counts before them, unless `phases_first`.
NetworkFile with_base(const NetworkFile& file, int depth, bool phases_first, Names& declared) {
  if (file.base.kind == Node::Kind::kNull) return file;
  const Place& place = file.base.place;
  const std::string naming = place.origin && place.line != 0 ? *place.origin : "";
  const std::string folder = FileKind<NetworkFile>::kFolder;
  const std::string path = find_document(file.base.text, naming, folder);
  if (file.base.kind != Node::Kind::kScalar || path.empty() || depth == kMaxNetworkBases)
    throw input_error(fmt::format("{}: base: expected a network file{}, got {}", place.str(),
                                  depth == kMaxNetworkBases ? " that is not its own base" : "",
                                  file.base.shown()));
  NetworkFile merged =
      with_base(read_document<NetworkFile>(file_source(path)), depth + 1, phases_first, declared);
  add_keys(merged.parameters, declared);
  for (const NodeEntry& phase : merged.phases.entries) add_keys(phase.value, declared);
  if (!file.name.empty()) merged.name = file.name;
  if (!file.phase.empty()) merged.phase = file.phase;
  if (!phases_first) {
    Names never;
    for (const NodeEntry& own : file.parameters.entries)
      if (std::all_of(merged.phases.entries.begin(), merged.phases.entries.end(),
                      [&](const NodeEntry& p) { return p.value.find(own.key) != nullptr; }))
        never.insert(own.key);
    free_from_phases(merged.phases, never);
  }
  merge_map(merged.parameters, file.parameters);
  merge_map(merged.phases, file.phases);
  if (file.inputs.kind != Node::Kind::kNull) merged.inputs = file.inputs;
  if (file.layers.kind != Node::Kind::kNull) merged.layers = file.layers;
  if (!file.outputs.empty()) merged.outputs = file.outputs;
  merged.unroll = merged.unroll || file.unroll;
  if (file.kv_cache) merged.kv_cache = file.kv_cache;
  if (file.requantize) merged.requantize = file.requantize;
  if (!file.expert_loads.empty()) merged.expert_loads = file.expert_loads;
  if (!file.contexts.empty()) merged.contexts = file.contexts;
  merged.overrides.insert(merged.overrides.end(), file.overrides.begin(), file.overrides.end());
  merged.timing_only.insert(merged.timing_only.end(), file.timing_only.begin(),
                            file.timing_only.end());
  merged.notes.insert(merged.notes.end(), file.notes.begin(), file.notes.end());
  return merged;
}

void collect(const Node& map, const char* path, std::map<std::string, const Node*>& parameters,
             Problems& problems) {
  if (map.kind != Node::Kind::kMap && map.kind != Node::Kind::kNull)
    problems.add(map.place, path, fmt::format("expected a map, got {}", map.shown()));
  for (const NodeEntry& entry : map.entries) parameters[entry.key] = &entry.value;
}

/// Words of all expressions.
void collect_words(const Node& node, Names& words) {
  for (const Node& item : node.items) collect_words(item, words);
  for (const NodeEntry& entry : node.entries) collect_words(entry.value, words);
  if (node.text.empty() || node.text.front() != '=') return;
  std::string word;
  for (const char c : node.text + ' ') {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      word += c;
    } else {
      words.insert(word);
      word.clear();
    }
  }
}

/// A parameter beside those of the base files, or one from --set, must be good for something.
void check_names(const NetworkFile& written, const NetworkFile& file, const Names& declared,
                 Problems& problems) {
  Names used = declared;
  for (const Node* node : {&file.parameters, &file.phases, &file.inputs, &file.layers})
    collect_words(*node, used);
  Names known = used;
  add_keys(file.parameters, known);
  const bool has_base = written.base.kind != Node::Kind::kNull;
  const auto check = [&](const Node& map, const std::string& path) {
    for (const NodeEntry& entry : map.entries) {
      const Place& place = entry.value.place;  // an option may bring the network as a whole
      const bool is_own = place.line != 0 || place.origin == written.layers.place.origin;
      if (used.count(entry.key) != 0 || (!has_base && is_own)) continue;
      std::vector<std::string> others;
      for (const std::string& name : known)
        if (name != entry.key) others.push_back(name);
      problems.add(place, path + entry.key,
                   fmt::format("unknown parameter: no expression of the network uses it{}",
                               suggestion(entry.key, others)));
    }
  };
  check(written.parameters, "parameters.");
  for (const NodeEntry& phase : written.phases.entries)
    check(phase.value, "phases." + phase.key + ".");
}

Scope resolve_parameters(const NetworkFile& file, const NetworkOptions& options, Problems& problems,
                         Dependencies& dependencies) {
  std::map<std::string, const Node*> nodes;
  collect(file.parameters, "parameters", nodes, problems);
  if (!file.phase.empty()) {
    std::vector<std::string> names;
    for (const NodeEntry& entry : file.phases.entries) names.push_back(entry.key);
    if (names.empty())
      throw input_error(
          fmt::format("{}: phase: the network has no phases, got \"{}\"", file.name, file.phase));
    const Node* phase = file.phases.find(file.phase);
    if (phase == nullptr)
      throw input_error(fmt::format("{}: phase: {}, got \"{}\"{}", file.name, expected_names(names),
                                    file.phase, suggestion(file.phase, names)));
    collect(*phase, "phases", nodes, problems);
  }
  std::map<std::string, Node> replaced;  // keeps the nodes alive
  for (const auto& [name, value] : options.parameters) {
    if (nodes.count(name) == 0)
      throw input_error(fmt::format("{}: no parameter \"{}\"", file.name, name));
    Node& node = replaced[name];
    node.kind = Node::Kind::kScalar;
    node.text = std::to_string(value);
    nodes[name] = &node;
  }
  return evaluate_parameters(nodes, problems, dependencies);
}

/// '*' matches any text, also none.
bool matches(const std::string& pattern, const std::string& name) {
  std::size_t p = 0, n = 0, star = std::string::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string::npos;
}

void replace(PrecisionOverride& precision, const PrecisionOverride& over) {
  if (over.weights) precision.weights = over.weights;
  if (over.activations) precision.activations = over.activations;
  if (over.output) precision.output = over.output;
  if (over.mac) precision.mac = over.mac;
  if (over.requantize) precision.requantize = over.requantize;
  if (over.quantizer) precision.quantizer = over.quantizer;
  if (over.transform) precision.transform = over.transform;
  if (over.static_scales) precision.static_scales = over.static_scales;
}

/// A name of one repetition, "blk.3.q", where "blk.*.q" stands for all.
std::string unroll_hint(const std::string& pattern, const Network& network) {
  for (const NetworkLayer& layer : network.layers)
    if (layer.name.find('*') != std::string::npos && matches(layer.name, pattern))
      return fmt::format("; \"{}\" stands for all repetitions, `unroll: true` makes layers of them",
                         layer.name);
  return "";
}

/// What has no effect: a note where they are gathered, else a problem.
void tell(const Network& network, const std::string& text, std::vector<std::string>* notes) {
  if (notes == nullptr) throw input_error(fmt::format("{}: {}", network.name, text));
  notes->push_back(text);
}

void apply_cache_format(const NetworkFile& file, Network& network,
                        std::vector<std::string>* notes) {
  if (!file.kv_cache) return;
  bool used = false;
  for (NetworkLayer& layer : network.layers) {
    if (!layer.kv_cache) continue;
    const bool reads = std::holds_alternative<Matmul>(layer.op);
    std::optional<TensorFormat>& format = reads ? layer.precision.weights : layer.precision.output;
    if (format) continue;
    format = file.kv_cache;
    used = true;
  }
  if (!used)
    tell(network, "kv_cache: no effect: no layer reads a cache whose format is not its own", notes);
}

void apply_expert_loads(const NetworkFile& file, Network& network,
                        std::vector<std::string>* notes) {
  if (file.expert_loads.empty()) return;
  bool used = false;
  for (NetworkLayer& layer : network.layers) {
    if (!layer.experts || !layer.experts->loads.empty()) continue;
    layer.experts->loads = file.expert_loads;
    used = true;
  }
  if (!used) tell(network, "expert_loads: no effect: no layer is a mixture of experts", notes);
}

/// Parameters that overrides bring and no layer depends on, in this phase.
void check_use(const NetworkFile& written, const Network& network, std::set<std::string> used,
               const Dependencies& dependencies, std::vector<std::string>* notes) {
  used.insert({"tokens", "batch"});  // results are per token, or image
  for (bool grows = true; grows;) {
    const std::size_t before = used.size();
    for (const auto& [name, read] : dependencies)
      if (used.count(name) != 0) used.insert(read.begin(), read.end());
    grows = used.size() != before;
  }
  for (const NodeEntry& entry : written.parameters.entries)
    if (is_overridden(written, entry.key) && used.count(entry.key) == 0)
      tell(network,
           fmt::format("network.parameters.{}: no effect: no layer depends on it{}", entry.key,
                       network.phase.empty() ? "" : " in phase " + network.phase),
           notes);
}

/// Names of the layers of the network's other phases, for rules that are theirs.
class OtherPhases {
 public:
  OtherPhases(const NetworkFile& file, const NetworkOptions& options)
      : file_(file), options_(options) {}
  bool have(const std::string& pattern) {
    if (!names_) gather();
    return std::any_of(names_->begin(), names_->end(),
                       [&](const std::string& name) { return matches(pattern, name); });
  }

 private:
  void gather() {
    names_.emplace();
    for (const NodeEntry& phase : file_.phases.entries) {
      if (phase.key == file_.phase) continue;
      NetworkFile other = file_;
      other.phase = phase.key;
      Problems problems;  // are told where that phase runs
      Dependencies dependencies;
      const Scope parameters = resolve_parameters(other, options_, problems, dependencies);
      const ExpandedLayers layers =
          expand_layers(other.layers, parameters, options_.unroll || file_.unroll, problems);
      for (const Node& layer : layers.layers)
        if (const Node* name = layer.find("name")) names_->insert(name->text);
      names_->insert(layers.common_names.begin(), layers.common_names.end());
    }
  }

  const NetworkFile& file_;
  const NetworkOptions& options_;
  std::optional<std::set<std::string>> names_;
};

void apply_rules(const NetworkFile& file, const ExpandedLayers& expanded, OtherPhases others,
                 Network& network, std::vector<std::string>* notes) {
  for (const LayerRule& rule : file.overrides) {
    std::vector<const NetworkLayer*> matched;
    for (const std::string& pattern : rule.layers) {
      bool used = false;
      for (std::size_t i = 0; i < network.layers.size(); ++i) {
        NetworkLayer& layer = network.layers[i];
        if (!matches(pattern, layer.name) && pattern != expanded.common_names[i]) continue;
        replace(layer.precision, rule.precision);
        layer.mapping = with(rule.mapping, layer.mapping);
        for (const auto& [role, source] : rule.tensors) layer.tensors[role] = source;
        used = true;
        matched.push_back(&layer);
      }
      if (!used && !rule.optional && !others.have(pattern))
        throw input_error(fmt::format("{}: overrides: no layer is named \"{}\"{}", network.name,
                                      pattern, unroll_hint(pattern, network)));
    }
    for (const std::string& key : keys_without_effect(rule, matched))
      tell(network, fmt::format("overrides: {}: {}", fmt::join(rule.layers, ", "), key), notes);
  }
}

}  // namespace

bool is_overridden(const NetworkFile& file, const std::string& parameter) {
  const Node* node = file.parameters.find(parameter);
  // Values that overrides bring are roots.
  return node != nullptr && (node->root || file.parameters.root);
}

std::vector<std::string> timing_only(const NetworkFile& file) {
  Names declared;
  const NetworkFile whole = with_base(file, 0, false, declared);
  std::vector<std::string> reasons = whole.timing_only;
  if (!whole.contexts.empty())
    reasons.emplace_back("contexts: what sequences of several lengths yield is not put together");
  return reasons;
}

namespace {

/// `file`: with_base() of `written`.
Network build_plain(const NetworkFile& written, NetworkFile file, const Names& declared,
                    const NetworkOptions& options, std::vector<std::string>* notes) {
  Problems problems;
  check_names(written, file, declared, problems);
  if (!options.generates) {
    Names overridden;
    for (const NodeEntry& entry : written.parameters.entries)
      if (is_overridden(written, entry.key)) overridden.insert(entry.key);
    free_from_phases(file.phases, overridden);
  }
  Network network;
  network.name = file.name;
  if (notes != nullptr && !options.generates && !file.phase.empty() &&
      file.phases.entries.empty()) {
    tell(network, fmt::format("phase: {}: no effect: the network has no phases", file.phase),
         notes);
    file.phase.clear();
  }
  Dependencies dependencies;
  const Scope parameters = resolve_parameters(file, options, problems, dependencies);
  problems.throw_if_any();

  network.phase = file.phase;
  network.outputs = file.outputs;
  network.requantize = file.requantize;
  for (const auto& [name, text] : parameters) {
    std::int64_t value = 0;
    Node node;
    node.kind = Node::Kind::kScalar;
    node.text = text;
    if (leaf::read(node, value, {}).empty()) network.parameters[name] = value;
  }
  std::set<std::string> used;
  if (file.inputs.kind != Node::Kind::kNull) {
    const ExpandedLayers inputs = expand_layers(file.inputs, parameters, false, problems);
    for (const Node& node : inputs.layers)
      read_value(node, "", network.inputs.emplace_back(), {}, problems);
    used = inputs.used;
  }
  ExpandedLayers expanded = expand_layers(
      file.layers, parameters, options.unroll || file.unroll || !options.recipe.empty(), problems);
  used.insert(expanded.used.begin(), expanded.used.end());
  for (Node& node : expanded.layers) {
    LayerFile layer;
    prepare(node, layer, problems);
    read_value(node, "", layer, {}, problems);
    network.layers.push_back(to_layer(layer, node.place));
  }
  problems.throw_if_any();
  for (NetworkOutput& output : network.outputs)
    if (const auto latest = expanded.latest.find(output.layer); latest != expanded.latest.end())
      output.layer = latest->second;
  apply_cache_format(file, network, notes);
  apply_expert_loads(file, network, notes);
  apply_rules(file, expanded, OtherPhases(file, options), network, notes);
  if (!options.recipe.empty() && !apply_recipe(options.recipe, network))
    tell(network,
         "precision.recipe: no effect: the network brings the format of every layer's weights",
         notes);
  check_use(written, network, std::move(used), dependencies, notes);
  check_network(network);
  return network;
}

/// A sequence is no shorter than what a step adds to it.
void check_context(const NetworkFile& file, const NetworkOptions& options, std::int64_t context) {
  Problems problems;  // are told where the network is built
  Dependencies dependencies;
  const Scope scope = resolve_parameters(file, options, problems, dependencies);
  const auto tokens = scope.find("tokens");
  if (tokens == scope.end() || std::stod(tokens->second) <= static_cast<double>(context)) return;
  throw input_error(fmt::format(
      "{}: contexts: [{}]: a sequence of {} tokens, of which the step alone has {} "
      "(parameters.tokens); expected contexts of at least {}",
      file.name, fmt::join(file.contexts, ", "), context, tokens->second, tokens->second));
}

}  // namespace

Network build_network(const NetworkFile& written, const NetworkOptions& options,
                      std::vector<std::string>* notes) {
  Names declared;
  const NetworkFile file = with_base(written, 0, options.generates, declared);
  if (notes != nullptr) notes->insert(notes->end(), file.notes.begin(), file.notes.end());
  if (file.contexts.empty()) return build_plain(written, file, declared, options, notes);
  if (options.generates)
    throw input_error(fmt::format(
        "{}: contexts: of one step, not beside generate, which sets the context", file.name));
  for (const char* name : {"batch", "context"})
    if (options.parameters.count(name) != 0 || is_overridden(written, name))
      throw input_error(
          fmt::format("{}: parameters.{}: not beside contexts, which say it", file.name, name));
  std::vector<std::string> told;  // by the first build already
  return network_of_contexts(file.contexts, [&](std::int64_t batch, std::int64_t context) {
    NetworkOptions own = options;
    own.parameters["batch"] = batch;
    own.parameters["context"] = context;
    check_context(file, own, context);
    return build_plain(written, file, declared, own, std::exchange(notes, &told));
  });
}

Network read_network(const Source& source, const std::vector<Override>& overrides,
                     const NetworkOptions& options) {
  NetworkFile file = read_document<NetworkFile>(source, overrides);
  if (file.name.empty() && file.base.kind == Node::Kind::kNull)
    file.name = std::filesystem::path(source.name).stem().string();
  return build_network(file, options);
}

}  // namespace bitjoule
