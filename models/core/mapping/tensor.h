// The tensors that a layer moves between DRAM and buffers.
#pragma once

#include <cstddef>

namespace bitjoule {

enum class Tensor { kInputs, kWeights, kScales, kBiases, kOutputs };
inline constexpr std::size_t kTensors = 5;

inline const char* tensor_name(Tensor tensor) {
  constexpr const char* kNames[kTensors] = {"inputs", "weights", "scales", "biases", "outputs"};
  return kNames[static_cast<std::size_t>(tensor)];
}

}  // namespace bitjoule
