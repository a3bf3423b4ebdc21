// The outputs of a network as .npy files.
#pragma once

#include <string>
#include <vector>

#include "run/network_result.h"

namespace bitjoule {

/// A file name for each output: its name, with '_' for what file names had better not hold, and
/// made unique.
std::vector<std::string> output_files(const std::vector<NetworkOutputValues>& outputs);

/// Integers in their type, everything else in fp32.
std::string output_npy(const NetworkOutputValues& output);

}  // namespace bitjoule
