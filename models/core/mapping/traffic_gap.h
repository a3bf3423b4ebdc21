// What keeps a mapping's traffic above the least that any mapping could do with: docs/mapping.md,
// "Lower bounds".
#pragma once

#include <vector>

#include "core/mapping/mapper.h"

namespace bitjoule {

/// Taken away, it and those before it leave `times` less traffic than those before it alone.
struct TrafficConstraint {
  const char* what;
  double times;
};

/// The objective, the pins, two tiles in a buffer, fixed shares of the buffers, the room that sums
/// and results take, and that of operands: taken away one after another, each time the layer is
/// mapped anew. What changes less than 0.5 % is left out.
std::vector<TrafficConstraint> traffic_constraints(const MappingProblem& problem,
                                                   const MappingPins& pins, const Mapping& chosen);

}  // namespace bitjoule
