// What a run did when: its layers one after the other, each distinct one in detail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result/trace.h"
#include "run/layer_result.h"

namespace bitjoule {

struct Timeline {
  /// One that was simulated.
  struct Layer {
    LayerResult result;
    Trace trace{false};  ///< from the layer's own cycle 0
  };
  struct Step {
    std::string name;
    std::int64_t repeat = 1;  ///< one after the other
    std::size_t layer = 0;    ///< its place in `layers`
  };
  std::vector<std::shared_ptr<Layer>> layers;
  std::vector<Step> steps;  ///< in the order of time
};

}  // namespace bitjoule
