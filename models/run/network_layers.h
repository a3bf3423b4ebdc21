// Layers of a network as those who run them take them.
#pragma once

#include <string>

#include "core/error.h"
#include "core/workload/layer.h"
#include "core/workload/network.h"
#include "core/workload/pins.h"

namespace bitjoule {

/// "blk.3.q" as "blk.*.q": the name of its repetitions.
std::string kind_of(const std::string& name);

/// A layer with MACs by itself.
Layer mac_layer(const NetworkLayer& layer);

/// The run's pins with the layer's own; pages are of layers that read a cache.
MappingPins pins_of(const NetworkLayer& layer, const MappingPins& run);

/// What one expert of a layer does, on so many rows.
NetworkLayer expert_layer(const NetworkLayer& layer, std::int64_t expert, std::int64_t rows);

/// Layers of experts as so many products of each number of rows, as they are timed: by the loads
/// that the layer says, or spread_loads().
Network with_expert_layers(const Network& network);

/// Throws an Error as it is, but that it names the layer.
[[noreturn]] void rethrow_with_name(const NetworkLayer& layer, const Error& error);

/// Errors name the layer.
template <class F>
auto with_name(const NetworkLayer& layer, F run) {
  try {
    return run();
  } catch (const Error& e) {
    rethrow_with_name(layer, e);
  }
}

}  // namespace bitjoule
