// Which keys of a rule of `overrides` the layers with its names take notice of.
#pragma once

#include <string>
#include <vector>

#include "sim/schema/network_file.h"

namespace bitjoule {

/// Of the rule's keys those that none of the layers takes notice of, with the reason:
/// `precision.mac: no effect: "blk.0.norm" is a vector operator`.
std::vector<std::string> keys_without_effect(const LayerRule& rule,
                                             const std::vector<const NetworkLayer*>& layers);

}  // namespace bitjoule
