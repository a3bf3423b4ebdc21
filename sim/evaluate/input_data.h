// Inputs that networks are evaluated on: images, features.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "run/network_tensor.h"
#include "run/run_config.h"

namespace bitjoule {

struct InputData {
  std::int64_t count = 0, elements = 0;  ///< inputs; of each
  std::vector<float> values;             ///< in the order of the network's input
  std::vector<std::int32_t> codes;       ///< instead, where that takes integers
  std::vector<std::int64_t> labels;      ///< one for each; empty where there are none

  /// `batch` inputs from number `first` on; behind the last one it stands again.
  NetworkTensor tensor(std::int64_t first, std::int64_t batch) const;
};

/// The data and labels that an evaluation names, normalised, as `input` takes them. Throws an input
/// Error that names the file where shape, type or number do not fit.
InputData read_inputs(const EvaluationConfig& config, const NetworkInput& input);

}  // namespace bitjoule
