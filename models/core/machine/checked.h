// What a program gives as a machine has the ranges of what a file gives.
#pragma once

#include "core/machine/machine.h"

namespace bitjoule {

/// `machine`, whose values are in their ranges. Throws one input Error with a line for each that is
/// not: "accelerator.array.rows: expected 1..1024, got 0".
const AcceleratorConfig& checked(const AcceleratorConfig& machine);

}  // namespace bitjoule
