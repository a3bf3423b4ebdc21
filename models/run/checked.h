// What a program gives as a run has the ranges of what a file gives.
#pragma once

#include "run/run_config.h"

namespace bitjoule {

/// Throws one input Error with a line for each value of number formats, mapping and densities that
/// is not in its range: "mapping.tile.m: expected 1..2147483648, got 0". Sizes of layers are
/// checked where they become extents (core/workload/layer.h), machine and DRAM where they are
/// built.
void check_ranges(const RunConfig& run);
/// The same of what layers of a network say themselves, with the layer's name.
void check_ranges(const Network& network);

}  // namespace bitjoule
