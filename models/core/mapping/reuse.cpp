#include "core/mapping/reuse.h"

namespace bitjoule {

Tensor tensor_of(Stream stream) {
  switch (stream) {
    case Stream::kInputs:
      return Tensor::kInputs;
    case Stream::kWeights:
      return Tensor::kWeights;
    case Stream::kInputScales:
    case Stream::kWeightScales:
      return Tensor::kScales;
    case Stream::kBiases:
      return Tensor::kBiases;
    case Stream::kOutputs:
      break;
  }
  return Tensor::kOutputs;
}

bool Reuse::depends(Stream stream, LoopDim dim) const {
  const bool m = dim == LoopDim::kM, n = dim == LoopDim::kN, k = dim == LoopDim::kK;
  // A scale that covers a whole row stays in its buffer while k advances.
  const auto by_row = [](const OperandPath& path) { return path.layout.scales.group == kWholeRow; };
  switch (stream) {
    case Stream::kInputs:
      return m || (k && !t_.input_full_k);
    case Stream::kInputScales:
      return m || (k && !t_.input_full_k && !by_row(p_.path.activations));
    case Stream::kWeights:
      return n || k;
    case Stream::kWeightScales:
      return n || (k && !(by_row(p_.path.weights) && !p_.layer.k_rows));
    case Stream::kBiases:
      return n;
    case Stream::kOutputs:
      break;
  }
  return m || n;
}

std::int64_t Reuse::trips(int loop) const {
  switch (dim(loop)) {
    case LoopDim::kM:
      return trips_.m();
    case LoopDim::kN:
      return trips_.n;
    case LoopDim::kK:
      break;
  }
  return trips_.k;
}

/// The innermost loop that moves a stream; -1 where none does.
int Reuse::innermost_loop(Stream stream) const {
  int loop = 2;
  while (loop >= 0 && !(depends(stream, dim(loop)) && trips(loop) > 1)) --loop;
  return loop;
}

bool Reuse::begins(Stream stream, const std::array<std::int64_t, 3>& mnk) const {
  for (int loop = innermost_loop(stream) + 1; loop < 3; ++loop)
    if (mnk[static_cast<std::size_t>(dim(loop))] != 0) return false;
  return true;
}

std::int64_t Reuse::repetitions(Stream stream) const {
  std::int64_t times = 1;
  if (stream == Stream::kOutputs) return times;
  for (int loop = innermost_loop(stream) - 1; loop >= 0; --loop)
    if (!depends(stream, dim(loop))) times *= trips(loop);
  return times;
}

}  // namespace bitjoule
