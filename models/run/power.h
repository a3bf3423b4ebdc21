// What a run draws, over time.
#pragma once

#include <vector>

#include "run/layer_result.h"

namespace bitjoule {

/// Average power in bins of time: those of the DRAM's timeline. What a layer's DRAM traffic costs
/// is spread as all of the run's bytes are; all else of a layer evenly over its time. So bins times
/// their lengths sum to the energy of the layers that take time.
struct PowerTimeline {
  double bin_s = 0;
  std::vector<double> watts;
  double highest() const;
};

/// Of the layers one after the other, `repeat` times each.
PowerTimeline power_of(const std::vector<LayerResult>& layers);
/// Of one of them.
PowerTimeline power_of(const LayerResult& layer);

}  // namespace bitjoule
