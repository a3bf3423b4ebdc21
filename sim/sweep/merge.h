// Parts of a sweep, computed apart, as one.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// Merges the results (results.json, results-I-of-N.json) in `directories` into `output`, with the
/// points that they refer to; equals the results of the whole sweep. Throws an input Error for
/// parts of different sweeps and for points that no part has.
SweepResults merge_results(const std::vector<std::string>& directories, const std::string& output);

}  // namespace bitjoule
