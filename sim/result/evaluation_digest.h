// What an evaluation's scores depend on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "run/run_config.h"

namespace bitjoule {

/// The networks of run.evaluation that read windows of so many tokens, or the one that reads none.
std::vector<Network> networks_of(const RunConfig& run, std::int64_t tokens);

/// A text of the run's machine and formats, of networks, and of the bytes of their tensors.
std::string value_digest(const RunConfig& run, const std::vector<Network>& networks);

/// A text of a run's evaluation: its settings, its data's bytes, and value_digest().
std::string evaluation_digest(const RunConfig& run);

/// A text of a file's bytes; "unreadable" where it cannot be read.
std::string file_digest(const std::string& path);

}  // namespace bitjoule
