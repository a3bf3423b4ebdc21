// What a program gives as a DRAM has the ranges of what a file gives.
#pragma once

#include "core/dram/config.h"

namespace bitjoule {

/// Throw one input Error with a line for each value that is not in its range:
/// "organization.rows: expected 1..16777216, got 0".
void check_ranges(const IdealDramConfig& dram);
void check_ranges(const CycleDramConfig& dram);

/// `dram`, whose values are in their ranges. Throws as check_ranges(): "dram.organization.rows:
/// ...".
const DramConfig& checked(const DramConfig& dram);

}  // namespace bitjoule
