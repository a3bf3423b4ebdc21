// The name of a run's result: equal hashes mean equal results.
#pragma once

#include <string>

#include "run/run_config.h"

namespace bitjoule {

/// 32 hexadecimal digits over the resolved configuration, the program's build and the tensors
/// that the run reads from files: type, shape and bytes. A file that cannot be read counts as that.
std::string run_hash(const RunConfig& run);

/// Whether it depends on what stands in tensors, which may change until the run reads them.
bool hashes_tensors(const RunConfig& run);

}  // namespace bitjoule
