// Why a layer does not fit a machine at all.
#pragma once

#include "core/mapping/space.h"

namespace bitjoule {

/// Throws an input Error that names the buffers which even the smallest tile exceeds, and for each
/// the least capacity that would do: with those, a tile fits.
[[noreturn]] void refuse_layer(const MappingProblem& problem, const MappingSpace& space);

}  // namespace bitjoule
