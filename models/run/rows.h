// What a run says beside machine and layers, described: every member with its name, meaning and
// range, for files (sim/schema) and for what programs give (checked.h). Where it is instantiated,
// it is compiled.
#pragma once

#include "core/mapping/tiling.h"
#include "core/rule.h"

namespace bitjoule {

template <class V>
void describe(V& v, OperandDensity& c) {
  v.field("inputs", c.inputs, "share that is not zero", range(0, 1));
  v.field("weights", c.weights, "share that is not zero", range(0, 1));
}

}  // namespace bitjoule
