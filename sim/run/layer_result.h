// Everything known about one simulated layer, and about a run of several.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/energy/price.h"
#include "core/mapping/mapper.h"
#include "core/numeric/quality.h"
#include "hw/accelerator.h"

namespace bitjoule {

/// How the outputs compare with the oracle, and with float64 before quantization.
struct OutputCheck {
  std::int64_t outputs = 0, checked = 0, wrong = 0;
  std::string first_difference;  ///< index, value, expected; empty where there is none
  std::int64_t overflows = 0;    ///< sums that left the 32-bit accumulators
  Quality error;
};

struct LayerResult {
  std::string name;
  std::string kind;
  std::int64_t repeat = 1;
  GemmExtents extents;
  std::string mac;  ///< MAC type
  Mapping mapping;
  LayerOutcome outcome;
  std::int64_t compute_cycles = 0;  ///< what the array needs if memory never makes it wait
  double time_s = 0;
  double peak_macs_per_s = 0, peak_bytes_per_s = 0;
  Counts counts;
  EnergyReport energy;
  std::optional<OutputCheck> check;  ///< unset: values off

  std::int64_t moved_bytes() const {
    return outcome.traffic.total().bursts * outcome.traffic.burst_bytes;
  }
};

}  // namespace bitjoule
