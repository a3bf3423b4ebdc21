// Independent work on all processors.
#pragma once

#include <cstddef>
#include <functional>

namespace bitjoule {

/// Calls `work` for 0 .. count - 1, each once, in threads that are gone when it returns. Throws
/// what the lowest index threw.
void for_each_index(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace bitjoule
