// What has to be said where runs with different memories stand side by side.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace bitjoule {

/// Of results, each flattened (sim/sweep/results.h): that one price serves several memories, or
/// that the prices of several include different things. Empty where neither is so.
std::vector<std::string> price_notes(const std::vector<const boost::json::object*>& results);

}  // namespace bitjoule
