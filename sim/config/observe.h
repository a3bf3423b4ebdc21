// Which files the reader reads, for those who want to know.
#pragma once

#include <functional>
#include <string>

namespace bitjoule {

/// Has every file that is read from now on told to `sink`.
void observe_files(std::function<void(const std::string& path)> sink);

}  // namespace bitjoule
