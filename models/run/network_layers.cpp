#include "run/network_layers.h"

#include <fmt/format.h>

namespace bitjoule {

Layer mac_layer(const NetworkLayer& layer) {
  Layer mac{layer.name, {}};
  std::visit(
      [&mac](const auto& op) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, VectorOp>) mac.op = op;
      },
      layer.op);
  mac.stage = {layer.bias, layer.activation};
  return mac;
}

void rethrow_with_name(const NetworkLayer& layer, const Error& error) {
  throw Error(error.kind(), fmt::format("layer \"{}\": {}", layer.name, error.what()));
}

}  // namespace bitjoule
