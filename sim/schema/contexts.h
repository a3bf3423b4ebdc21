// Decoding a batch whose sequences have different lengths.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/workload/network.h"

namespace bitjoule {

/// The layers of a batch of as many sequences as there are `contexts`: those that depend on the
/// context (attention's products, its softmax) once for each length, of the sequences that have it
/// ("blk.*.qk@512"), all others once for the batch. `build`: of a batch of one context.
Network network_of_contexts(
    const std::vector<std::int64_t>& contexts,
    const std::function<Network(std::int64_t batch, std::int64_t context)>& build);

}  // namespace bitjoule
