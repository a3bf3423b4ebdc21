// What formats a machine can store its results in.
#pragma once

#include "core/numeric/storage.h"

namespace bitjoule {

/// Throws an input Error for those that weights alone have, made before the machine runs.
void require_made_while_running(const StorageLayout& layout);

}  // namespace bitjoule
