// What the machine did for one layer.
#pragma once

#include <cstdint>

#include "core/dram/stats.h"
#include "core/machine/bound.h"
#include "core/machine/stalls.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/program.h"
#include "core/mapping/traffic.h"
#include "core/shared.h"

namespace bitjoule {

/// What one layer cost, as integers.
struct LayerOutcome {
  Cycles cycles{0};
  StallBreakdown stalls;
  BoundEvidence evidence;  ///< what its bound is told from
  MachineCounts counts;
  DramTraffic traffic;         ///< of the layer's tensors, also what came before cycle 0
  Shared<DramStats> dram;      ///< from cycle 0 on, also what came for the next layer
  WeightsAhead ahead;          ///< for the next layer
  std::int64_t handed_on = 0;  ///< bursts of this layer's weights that came before cycle 0
};

}  // namespace bitjoule
