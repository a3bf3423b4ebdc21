// A layer with MACs in float64, from its definition: what the outputs would be without any
// rounding. Shares no code with mapping, exec or hw.
#pragma once

#include <vector>

#include "core/workload/layer.h"

namespace bitjoule {

/// What happens to the sums: one bias per row of the weights (or none), then the activation's
/// range.
struct ReferenceStage {
  std::vector<double> bias;
  double lo, hi;
};

/// All results in the order of the output tensor. `inputs` NHWC or [group][m][k]; `weights` rows of
/// k (filters x kernel x channels, or [group][n][k]), or k rows of n where the operation says so.
std::vector<double> mac_reference(const LayerOp& op, const std::vector<double>& inputs,
                                  const std::vector<float>& weights, const ReferenceStage& stage);
std::vector<double> mac_reference(const LayerOp& op, const std::vector<double>& inputs,
                                  const std::vector<double>& weights, const ReferenceStage& stage);

}  // namespace bitjoule
