// The statistics of several runs of one DRAM, each from a cycle 0 of its own, as those of one run.
#pragma once

#include <vector>

#include "core/dram/stats.h"

namespace bitjoule {

/// A run that happens `times` times.
struct DramEpochs {
  const DramStats* stats = nullptr;
  std::int64_t times = 1;
};

/// Counts, latencies (with their percentiles) and bus cycles are exact sums; of max_queued the
/// largest. The timeline lays the epochs end to end in the order given, all repetitions of one
/// together; no byte is lost, and within a bin bytes count as evenly spread. `cycles` stays at the
/// largest integer where a sum of femtoseconds exceeds it.
DramStats sum_of_epochs(const std::vector<DramEpochs>& epochs);

}  // namespace bitjoule
