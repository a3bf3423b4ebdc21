// Whether a run can be simulated, without simulating it.
#pragma once

#include <cstdint>
#include <vector>

#include "run/run_config.h"

namespace bitjoule {

/// A layer with MACs, and a hash of what its cycles depend on.
struct LayerSize {
  std::uint64_t key = 0;
  double macs = 0, weights = 0;
};

/// Throws an input Error where an estimate is asked for what it does not have: values, and layers
/// that overlap.
void check_fidelity(const RunConfig& run);

/// Throws an input Error where a layer, its formats and the machine do not go together; what there
/// is to simulate.
std::vector<LayerSize> check_formats(const RunConfig& run);

/// The same and all else that `run` does before it simulates: every layer has a tiling that fits
/// the buffers and a place in the DRAM, what is certain to be counted has a price, and with values
/// on the numbers fit this computer and the files hold what is named in them.
void check_ready(const RunConfig& run);

}  // namespace bitjoule
