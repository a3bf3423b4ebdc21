// Counts as they stand in result files, for `sim price`, which reads them.
#pragma once

#include "core/enums.h"
#include "core/result/described.h"
#include "sim/config/describe.h"

namespace bitjoule {

template <class V>
void describe(V& v, Action& c);

}  // namespace bitjoule
