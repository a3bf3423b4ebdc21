// Layers of a network as those who run them take them.
#pragma once

#include <string>

#include "core/error.h"
#include "core/workload/layer.h"
#include "core/workload/network.h"

namespace bitjoule {

/// A layer with MACs by itself.
Layer mac_layer(const NetworkLayer& layer);

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
