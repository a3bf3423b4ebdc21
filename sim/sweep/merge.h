// Parts of a sweep, computed apart, as one.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// Merges the results (results.json, results-I-of-N.json) in `directories` into `output`, with the
/// points that they refer to; equals the results of the whole sweep. What the parts say about
/// places is where to read; nothing is written outside `output`. The numbers are those of the
/// stored results: a point that a table calls done without one is not run. The whole names the
/// program of its parts, which may be another than this one. Throws an input Error for parts of
/// different sweeps or programs, for points that no part has and for files that no sweep has
/// written.
SweepResults merge_results(const std::vector<std::string>& directories, const std::string& output);

}  // namespace bitjoule
