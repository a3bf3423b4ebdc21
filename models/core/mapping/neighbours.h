// The layers before and after one that runs.
#pragma once

#include "core/mapping/program.h"

namespace bitjoule {

/// Where layers overlap: what a layer finds done, and whose weights come while it runs.
struct LayerNeighbours {
  WeightsAhead ahead;
  const MappingProblem* next_problem = nullptr;  ///< both null: the machine drains
  const Program* next = nullptr;
};

}  // namespace bitjoule
