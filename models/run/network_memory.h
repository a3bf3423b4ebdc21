// What a network keeps in DRAM: weights, the KV cache, and the activations alive at once.
#pragma once

#include "core/machine/machine.h"
#include "core/workload/network.h"

namespace bitjoule {

struct NetworkMemory {
  std::int64_t weights = 0;      ///< bytes: weights, tables, biases and norm parameters
  std::int64_t kv_cache = 0;     ///< bytes: keys and values that the products read
  std::int64_t activations = 0;  ///< bytes: the most that is alive while one layer runs
  std::int64_t total() const { return weights + kv_cache + activations; }
};

/// A tensor is alive from the layer that writes it to the last that reads it. Layers that only
/// change the addressing share their input's memory; what is appended to the KV cache is counted
/// there; with `kv_page` each head of a sequence takes whole pages of so many tokens.
NetworkMemory network_memory(const Network& network, const Precision& precision,
                             std::int64_t kv_page = 0);

/// Of a machine that keeps activations in its input and output buffers from layer to layer: throws
/// an input Error that names the first layer at which they do not hold all that is alive (operands,
/// the result, what later layers still read, the network's inputs and outputs; no KV cache),
/// and the largest of it.
void check_on_chip(const Network& network, const Precision& precision,
                   const BuffersConfig& buffers);

}  // namespace bitjoule
