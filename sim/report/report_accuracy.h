// The parts of pages that are about accuracy, of results that have it; empty without.
#pragma once

#include <string>

#include "sim/sweep/results.h"

namespace bitjoule {

/// Of a run: each measure with its standard error.
std::string accuracy_section(const PointResult& run);
/// Of a sweep: every point's, and which of the front nobody can tell apart.
std::string accuracy_section(const SweepResults& results);

/// The page about a search of formats (tune.json of `sim tune`).
std::string tune_report(const std::string& file);

}  // namespace bitjoule
