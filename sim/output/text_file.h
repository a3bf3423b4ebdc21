// A file as a text.
#pragma once

#include <string>

namespace bitjoule {

/// The text of a file; empty if it cannot be read, or is a pipe or device.
std::string read_text_file(const std::string& path);

}  // namespace bitjoule
