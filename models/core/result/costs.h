// What is added up over layers, passes and phases: written once.
#pragma once

#include <cstdint>

#include "core/machine/bound.h"
#include "core/machine/stalls.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/traffic.h"

namespace bitjoule {

struct Costs {
  std::int64_t cycles = 0;
  std::int64_t compute_cycles = 0;  ///< that the array needs if memory never makes it wait
  double time_s = 0;
  double energy_pj = 0;
  double array_macs = 0;                                 ///< that the array could have done
  double vector_s = 0;                                   ///< without work for the array
  double peak_macs_per_s = 0, peak_bytes_per_s = 0;      ///< of the fastest; of the last
  std::int64_t moved_bytes = 0;                          ///< through the DRAM, padding included
  std::int64_t ahead_bytes = 0;                          ///< of these, while the layer ahead ran
  std::int64_t kv_read_bytes = 0, kv_written_bytes = 0;  ///< asked for
  StallBreakdown stalls;
  BoundEvidence evidence;  ///< what their bound is told from
  MachineCounts counts;
  DramTraffic traffic;

  Costs& operator+=(const Costs& other);
  /// MACs of those that the array could have done, also in the time of vector operators, at the
  /// fastest pace of the rest.
  double utilization() const;
};

/// The costs of `n` of them, one after the other. Peaks stay.
Costs operator*(Costs costs, std::int64_t n);

}  // namespace bitjoule
