// Whole numbers in formulas of reals.
#pragma once

#include <cmath>
#include <cstdint>

namespace bitjoule {

inline double real(std::int64_t x) { return static_cast<double>(x); }

/// The least whole number that is not below a sum of doubles, which may be a trifle too large.
inline double whole(double x) { return std::ceil(x - 1e-9); }

}  // namespace bitjoule
