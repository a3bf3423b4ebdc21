// e^x of many numbers at once: libm's takes one at a time, which is a sixth of an evaluation.
#pragma once

#include <cstdint>

namespace bitjoule {

/// Each number x becomes e^x, within one unit in the last place and with the same bits on every
/// processor; infinities and NaN as std::exp has them.
void exponentiate(double* values, std::int64_t n);

/// The same of floats: the result of double, rounded once.
void exponentiate(float* values, std::int64_t n);

}  // namespace bitjoule
