// What a run file says and nothing of the run depends on.
#pragma once

#include <string>
#include <vector>

#include "run/run_config.h"
#include "sim/config/node.h"

namespace bitjoule {

/// A line for each key of number formats below `root`, the tree of a run file, and for each of the
/// run's own options that has no effect. A format that says all of its keys (a resolved
/// configuration does) says none in vain, but for those that --set brings.
std::vector<std::string> unused_settings(const Node& root, const RunConfig& run);

}  // namespace bitjoule
