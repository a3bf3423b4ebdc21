// The tensors that enter a network.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "sim/run/layer_tensors.h"

namespace bitjoule {

/// From its file, or generated: real values of deviation 1; integers over their type's range, rows
/// of a table where an embedding reads them. Throws an input Error that names input and file where
/// name, type or shape do not fit.
NetworkTensor network_input(const Network& network, const NetworkInput& input,
                            const LayerTensors& tensors, TensorFiles& files);

/// The files of "--input NAME=FILE" by name. Throws an input Error for other texts and names that
/// are given twice.
std::map<std::string, std::string> given_files(const std::vector<std::string>& arguments);

/// Lets inputs come from such files. Throws an input Error for a name that the network has not.
void set_inputs(Network& network, const std::vector<std::string>& arguments);

}  // namespace bitjoule
