// What has to be said where energies of several runs stand side by side.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "sim/sweep/results.h"

namespace bitjoule {

/// Of results, each flattened (sim/sweep/results.h): that one price serves several memories, that
/// the prices of several include different things, that what has no price differs, and what the
/// energies' own notes say. Empty where nothing is so.
std::vector<std::string> price_notes(const std::vector<const boost::json::object*>& results);

/// That `metrics`, by which `what` goes, count what has no price in the done points as nothing;
/// empty where none is of energy, or all has a price.
std::vector<std::string> unpriced_notes(const SweepResults& results,
                                        const std::vector<std::string>& metrics, const char* what);

}  // namespace bitjoule
