// Blocks, repeats and expressions of a network file, replaced by plain layers; still as a tree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/config/node.h"

namespace bitjoule {

/// The values of names in expressions and, in blocks, in "{name}" of texts.
using Scope = std::map<std::string, std::string>;

/// Parameters may name each other in any order. Unknown names and cycles go to `problems`.
Scope evaluate_parameters(const std::map<std::string, const Node*>& parameters, Problems& problems);

/// The layers in the order they run, at most 2^17. Without `unroll`, layers of a `repeat` block
/// carry the count as their `repeat`, and "{i}" becomes "*".
std::vector<Node> expand_layers(const Node& layers, const Scope& scope, bool unroll,
                                Problems& problems);

}  // namespace bitjoule
