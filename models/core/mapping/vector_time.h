// The time of a vector operator: its chunks walked, each request put to the memory's own model
// (docs/estimate.md, "Vector operators").
#pragma once

#include <cstdint>

#include "core/mapping/program.h"

namespace bitjoule {

/// Core cycles. All but `cycles` and `activates` sum to the first.
struct VectorTime {
  double cycles = 0;
  double busy = 0;               ///< the unit works
  double reads = 0, writes = 0;  ///< it waits for operands, or for results to be stored
  double idle = 0;               ///< what the machine takes from a token to what it starts
  double activates = 0;          ///< of DRAM rows
};

/// Of the program of a vector operator, which has chunks. Of a long one the first chunks are
/// walked; the others are like the later half of these.
VectorTime vector_time(const MappingProblem& problem, const Program& program);

}  // namespace bitjoule
