// The time of a vector operator: its chunks walked with a fluid DMA (docs/estimate.md, "Vector
// operators").
#pragma once

#include <cstdint>

#include "core/mapping/program.h"

namespace bitjoule {

/// Core cycles. All but the last sum to `cycles`.
struct VectorTime {
  std::int64_t cycles = 0;
  std::int64_t busy = 0;               ///< the unit works
  std::int64_t reads = 0, writes = 0;  ///< it waits for operands, or for results to be stored
  std::int64_t idle = 0;               ///< what the machine takes from a token to what it starts
  double activates = 0;                ///< of DRAM rows, for a burst
};

/// Of the program of a vector operator, which has chunks.
VectorTime vector_time(const MappingProblem& problem, const Program& program);

}  // namespace bitjoule
