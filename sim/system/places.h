// Where the program's own files lie: relative to it, so that an installation can be moved.
#pragma once

#include <string>

namespace bitjoule {

/// The directory of the program, or of the shared object that this code is part of (a module, a
/// language binding); links are followed.
const std::string& own_directory();

/// `path`, such as "share/bitjoule/configs", in the nearest directory at or above own_directory()
/// that has it; links are followed. Empty if there is none.
std::string own_file(const std::string& path);

}  // namespace bitjoule
