#include "run/layer_result.h"

#include "core/dram/stats_sum.h"

namespace bitjoule {

DramStats dram_of_layers(const std::vector<LayerResult>& layers) {
  if (layers.size() == 1 && layers[0].repeat == 1) return layers[0].outcome.dram;
  std::vector<DramEpochs> epochs;
  for (const LayerResult& r : layers) epochs.push_back({&r.outcome.dram, r.repeat});
  return sum_of_epochs(epochs);
}

}  // namespace bitjoule
