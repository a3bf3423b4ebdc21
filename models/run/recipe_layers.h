// A recipe's formats on the layers of a decoder.
#pragma once

#include <string>

#include "core/workload/network.h"

namespace bitjoule {

/// Gives every matrix of the network that has no format of its own the one that `recipe`
/// (core/numeric/recipe.h) lays it out in. The network's layers are those of base/llama.yaml, each
/// of its own ("blk.3.q"), with its parameters; norms, biases and routers stay fp32. Throws an
/// input Error where they are not. Returns whether any matrix had no format of its own.
bool apply_recipe(const std::string& recipe, Network& network);

}  // namespace bitjoule
