#include "sim/schema/contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

/// The layers as a file has them, but for where their tokens stand, which costs nothing.
boost::json::array work_of(Network network) {
  for (NetworkLayer& layer : network.layers)
    if (auto* op = std::get_if<VectorOp>(&layer.op)) op->position = 0;
  return to_json(network).at("layers").get_array();
}

/// Which layers are others at another context.
std::vector<bool> dependent_layers(const Network& network, const Network& other) {
  if (network.layers.size() != other.layers.size())
    throw input_error(
        fmt::format("{}: contexts: the network has other layers at other contexts", network.name));
  const boost::json::array work = work_of(network), other_work = work_of(other);
  std::vector<bool> dependent;
  for (std::size_t i = 0; i < work.size(); ++i) dependent.push_back(work[i] != other_work[i]);
  return dependent;
}

/// "The layer before" by its name, as other layers come between.
Network with_named_inputs(Network network) {
  std::string before;
  for (NetworkLayer& layer : network.layers) {
    if (layer.inputs.empty() && !before.empty()) layer.inputs = {before};
    for (std::string& input : layer.inputs)
      if (input.empty()) input = before;
    before = layer.name;
  }
  return network;
}

class Merge {
 public:
  Merge(Network whole, std::vector<bool> dependent)
      : result_(std::move(whole)), dependent_(std::move(dependent)) {
    layers_.swap(result_.layers);
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (dependent_[i]) names_.insert(layers_[i].name);
  }

  Network of(const std::map<std::int64_t, Network>& parts) {
    for (std::size_t i = 0; i < layers_.size();) {
      if (!dependent_[i]) {
        result_.layers.push_back(renamed(layers_[i++], parts.rbegin()->first));
        continue;
      }
      std::size_t end = i;
      while (end < layers_.size() && dependent_[end]) ++end;
      for (const auto& [context, part] : parts)
        for (std::size_t j = i; j < end; ++j) {
          NetworkLayer layer = renamed(part.layers[j], context);
          layer.name = name_at(layer.name, context);
          result_.layers.push_back(std::move(layer));
        }
      i = end;
    }
    return std::move(result_);
  }

 private:
  static std::string name_at(const std::string& name, std::int64_t context) {
    return fmt::format("{}@{}", name, context);
  }
  /// Reads the layers of its own length; those of the batch read what the last one yields, in the
  /// place of all.
  NetworkLayer renamed(NetworkLayer layer, std::int64_t context) const {
    for (std::string& input : layer.inputs)
      if (names_.count(input) != 0) input = name_at(input, context);
    return layer;
  }

  Network result_;
  std::vector<bool> dependent_;
  std::vector<NetworkLayer> layers_;
  std::set<std::string> names_;  ///< of layers that depend on the context
};

}  // namespace

Network network_of_contexts(
    const std::vector<std::int64_t>& contexts,
    const std::function<Network(std::int64_t batch, std::int64_t context)>& build) {
  std::map<std::int64_t, std::int64_t> sequences;
  for (const std::int64_t context : contexts) ++sequences[context];
  const auto batch = static_cast<std::int64_t>(contexts.size());
  Network whole = with_named_inputs(build(batch, sequences.rbegin()->first));
  if (sequences.size() == 1) return whole;
  std::vector<bool> dependent =
      dependent_layers(whole, with_named_inputs(build(batch, sequences.begin()->first)));
  if (std::find(dependent.begin(), dependent.end(), true) == dependent.end())
    return whole;  // all lengths are beyond a window, say
  std::map<std::int64_t, Network> parts;
  for (const auto& [context, count] : sequences)
    parts.emplace(context, with_named_inputs(build(count, context)));
  Network merged = Merge(std::move(whole), std::move(dependent)).of(parts);
  check_network(merged);
  return merged;
}

}  // namespace bitjoule
