// Blocks, repeats and expressions of a network file, replaced by plain layers; still as a tree.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/config/node.h"

namespace bitjoule {

/// The values of names in expressions and, in blocks, in "{name}" of texts.
using Scope = std::map<std::string, std::string>;

/// The parameters that the expression of each of them reads.
using Dependencies = std::map<std::string, std::set<std::string>>;

/// Parameters may name each other in any order. Unknown names and cycles go to `problems`.
Scope evaluate_parameters(const std::map<std::string, const Node*>& parameters, Problems& problems,
                          Dependencies& dependencies);

/// Layers in the order they run, and what they are called.
struct ExpandedLayers {
  std::vector<Node> layers;
  /// Of each layer: its name with "*" for every index, as it stands where nothing is unrolled.
  std::vector<std::string> common_names;
  std::map<std::string, std::string> latest;  ///< common name -> name of the last such layer
  std::set<std::string> used;                 ///< names that expressions and texts read
};

/// At most 2^17 layers. Without `unroll`, layers of a `repeat` block carry the count, times their
/// own `repeat`, and "{i}" becomes "*". With it every repetition is a layer of its own; where names
/// of repetitions are equal (no "{i}", or that of an inner block alone), their indices are put
/// behind them. An input that names no layer exactly is the last one of that common name, so that
/// both ways are the same network.
ExpandedLayers expand_layers(const Node& layers, const Scope& scope, bool unroll,
                             Problems& problems);

}  // namespace bitjoule
