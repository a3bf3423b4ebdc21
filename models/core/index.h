// Containers are indexed without sign, sizes of the model have one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitjoule {

constexpr std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace bitjoule
