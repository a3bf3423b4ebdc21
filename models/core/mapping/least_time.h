// Times that no estimate at the memory's peak is below, from totals alone: what bounds of boxes and
// of single tilings share.
#pragma once

#include "core/mapping/tiling.h"

namespace bitjoule {

class LeastTime {
 public:
  /// `problem` outlives it.
  explicit LeastTime(const MappingProblem& problem);

  /// Core cycles until the last of so many bursts has passed: in whole requests, as the window of
  /// outstanding ones and the DMA allow, with refreshes while they do.
  double memory(double bursts) const;
  /// Of an array that is busy for so many cycles, whose first tile takes some bursts, and whose
  /// last results take some batches of the output unit and bursts.
  double around_array(double first_bursts, double cycles, double batches, double last_bursts) const;

 private:
  const MemoryPort& m_;
  double open_, burst_, refreshed_burst_;
  double output_interval_, output_latency_;
};

}  // namespace bitjoule
