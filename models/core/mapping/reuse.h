// Which steps of the tile loops move what: the reuse of what is in the buffers.
#pragma once

#include <array>
#include <cstdint>

#include "core/mapping/tensor.h"
#include "core/mapping/tiling.h"

namespace bitjoule {

/// What is moved tile by tile. Scales of interleaved formats are inside their blocks.
enum class Stream { kInputs, kInputScales, kWeights, kWeightScales, kBiases, kOutputs };
inline constexpr std::array<Stream, 6> kStreams = {Stream::kInputs,  Stream::kInputScales,
                                                   Stream::kWeights, Stream::kWeightScales,
                                                   Stream::kBiases,  Stream::kOutputs};

/// The tensor as which a stream is counted.
Tensor tensor_of(Stream stream);

class Reuse {
 public:
  Reuse(const MappingProblem& problem, const Tiling& tiling)
      : p_(problem), t_(tiling), trips_(trip_counts(problem.layer, tiling)) {}

  /// Whether another tile along a loop is another tile of the stream. Along the groups, the loop
  /// around them all, it always is.
  bool depends(Stream stream, LoopDim dim) const;

  /// Whether a step of the loops, given by the tiles of m, n and k, begins with a transfer of a
  /// stream of operands: what is there stays as long as only loops advance that it does not depend
  /// on.
  bool begins(Stream stream, const std::array<std::int64_t, 3>& mnk) const;

  /// How often that moves each tile. Outputs are stored once.
  std::int64_t repetitions(Stream stream) const;

 private:
  std::int64_t trips(int loop) const;
  LoopDim dim(int loop) const { return t_.order[static_cast<std::size_t>(loop)]; }
  int innermost_loop(Stream stream) const;

  const MappingProblem& p_;
  const Tiling& t_;
  TripCounts trips_;
};

}  // namespace bitjoule
