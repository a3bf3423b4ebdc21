// --input NAME=FILE: files that stand for a network's inputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "sim/import/import.h"

namespace bitjoule {

/// Puts a network in the place of a run's, its sizes as --set says them, so that one without effect
/// is told.
void add_network(NetworkValue network, std::vector<Override>& overrides);

/// The files of "--input NAME=FILE" by name. Throws an input Error for other texts and names that
/// are given twice.
std::map<std::string, std::string> given_files(const std::vector<std::string>& arguments);

/// Lets inputs come from such files. Throws an input Error for a name that the network has not.
void set_inputs(Network& network, const std::vector<std::string>& arguments);

}  // namespace bitjoule
