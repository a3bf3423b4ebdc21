// What an evaluation's scores depend on.
#pragma once

#include <string>

#include "run/run_config.h"

namespace bitjoule {

/// A text of the run's machine and formats, of the networks that read windows of so many tokens,
/// and of the bytes of their tensors; without the data.
std::string value_digest(const RunConfig& run, std::int64_t tokens);

/// A text of a run's evaluation: its settings, its data's bytes, and value_digest().
std::string evaluation_digest(const RunConfig& run);

/// A text of a file's bytes; "unreadable" where it cannot be read.
std::string file_digest(const std::string& path);

}  // namespace bitjoule
