// Network files: layers whose sizes follow from parameters. docs/networks.md is their manual.
//
//   parameters: {hidden: 64, tokens: 1}
//   layers:
//   - repeat: 5
//     block:
//     - {name: "{i}.up", gemm: {m: =tokens, n: =4 * hidden, k: =hidden}}
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "sim/config/document.h"

namespace bitjoule {

/// Precision, mapping and tensors for all layers whose name matches one of the patterns ('*' is any
/// text).
struct LayerRule {
  std::vector<std::string> layers;
  bool optional = false;  ///< the network need not have such layers
  PrecisionOverride precision;
  TilePins mapping;
  std::map<std::string, TensorSource> tensors;  ///< by role
};

/// Rules for the layers of whatever network a run has: a file that sim tune writes.
struct MixFile {
  bool unroll = false;  ///< as NetworkOptions::unroll
  std::vector<LayerRule> overrides;
};

/// A network file as written; build_network() computes the layers.
struct NetworkFile {
  std::string name;
  Node base;  ///< another network file, whose keys this one replaces or adds to
  std::string phase;
  Node parameters;  ///< numbers or =expressions of each other
  Node phases;      ///< phase -> parameters that it replaces
  Node inputs;      ///< names and shapes
  Node layers;
  std::vector<NetworkOutput> outputs;
  std::optional<TensorFormat> kv_cache;  ///< stored format of keys and values
  /// Of each sequence of the batch, where they differ; empty: the parameter's, of all.
  std::vector<std::int64_t> contexts;
  std::vector<std::int64_t> expert_loads;  ///< of all layers, as Experts::loads
  std::optional<Requantize> requantize;    ///< as Network::requantize
  bool unroll = false;                     ///< as NetworkOptions::unroll
  std::vector<LayerRule> overrides;
  /// What the model computes and these layers do not, where it costs no cycles or bytes: runs with
  /// values are refused.
  std::vector<std::string> timing_only;
  /// What an importer left out or simplified, also of the base: told with every run.
  std::vector<std::string> notes;
};

struct NetworkOptions {
  /// Replace parameters of the same name, also those a phase sets.
  std::map<std::string, std::int64_t> parameters;
  /// False: a `repeat` block becomes layers with that repeat, named with '*' for the index; true:
  /// every repetition becomes layers of its own.
  bool unroll = false;
  /// One pass of a generation: the network must have the phase, which sets its parameters whatever
  /// they are otherwise.
  bool generates = false;
  std::string recipe;  ///< Precision::recipe: of layers whose formats the file does not say
};

/// Throws one input Error with a line per problem. What is set and has no effect goes to `notes`;
/// without them it is a problem.
Network build_network(const NetworkFile& file, const NetworkOptions& options = {},
                      std::vector<std::string>* notes = nullptr);

/// NetworkFile::timing_only of a file and its bases.
std::vector<std::string> timing_only(const NetworkFile& file);

/// Whether an override (--set, an axis of a sweep) brought the parameter of that name.
bool is_overridden(const NetworkFile& file, const std::string& parameter);

/// Reads a network file (also by name below the shipped ones) and builds it.
Network read_network(const Source& source, const std::vector<Override>& overrides = {},
                     const NetworkOptions& options = {});

/// The network as a file that reads back equal.
boost::json::value to_json(const Network& network);
std::string network_yaml(const Network& network);

}  // namespace bitjoule
