// What a run yields.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/energy/price.h"
#include "run/accuracy.h"
#include "run/layer_result.h"
#include "run/network_result.h"

namespace bitjoule {

struct Result {
  /// Of a run with one layer: it, and around it the passes that find dynamic scales, in order.
  std::vector<LayerResult> layer_passes;
  std::optional<NetworkResult> network;   ///< of a run with a network
  std::optional<Accuracy> accuracy = {};  ///< where its values were evaluated
  /// What it is priced by; null: prices_of() its configuration.
  std::shared_ptr<const Prices> prices = {};

  /// Every row, `repeat` times each.
  const std::vector<LayerResult>& layers() const& {
    return network ? network->layers : layer_passes;
  }
  const std::vector<LayerResult>& layers() && = delete;  // they would be gone
  /// Of a run with one layer, that layer.
  const LayerResult& layer() const& { return layer_of(layer_passes); }
  const LayerResult& layer() && = delete;
};

/// Throws a verification Error that names the first layer whose outputs differ from the oracle's.
void require_verified(const Result& result);

}  // namespace bitjoule
