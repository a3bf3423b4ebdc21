// Attention of a network as one layer: scores, softmax and context, which the network names apart
// (docs/attention.md).
#pragma once

#include "core/mapping/attention.h"
#include "core/workload/network.h"
#include "run/run_config.h"

namespace bitjoule {

/// The network with every softmax between two products, and them, as one layer where the mapping
/// says so; else as it is. Of a network with its passes (with_passes): one over the probabilities
/// goes. Throws an input Error where there is no attention, or one that cannot be fused, with the
/// layer's name.
Network with_fused_attention(const Network& network, AttentionExecution attention);

/// The operations of such a layer.
Attention attention_of(const NetworkLayer& layer);

/// It before the machine. Throws input Errors for formats that do not fit together.
AttentionProblem attention_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                                   const NetworkLayer& layer, const Precision& run,
                                   const MappingPins& pins);

/// What its cost depends on but for machine and pins, as a text.
std::string attention_key(const NetworkLayer& layer, const Precision& run);

}  // namespace bitjoule
