// What a run says beside machine and layers, described: every member with its name, meaning and
// range, for files (sim/schema) and for what programs give (checked.h). Where it is instantiated,
// it is compiled.
#pragma once

#include <fmt/format.h>

#include "core/error.h"
#include "core/mapping/tiling.h"
#include "core/rule.h"

namespace bitjoule {

template <class V>
void describe(V& v, OperandDensity& c) {
  v.field("inputs", c.inputs, "0 to 1");
  v.field("weights", c.weights, "0 to 1");
  v.check([&] {
    for (const double share : {c.inputs, c.weights})
      if (!(share >= 0 && share <= 1))
        throw input_error(fmt::format("expected shares of 0..1, got {}", share));
  });
}

}  // namespace bitjoule
