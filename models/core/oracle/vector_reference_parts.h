// Parts of vector_reference(): by what rule elements move.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/oracle/vector_reference.h"

namespace bitjoule::reference {

using Values = std::vector<double>;
using Shape = std::vector<std::int64_t>;

/// The index of element `flat` of a tensor.
inline void unflatten(std::int64_t flat, const Shape& shape, Shape& index) {
  index.resize(shape.size());
  for (std::size_t d = shape.size(); d-- > 0; flat /= shape[d]) index[d] = flat % shape[d];
}

inline double between(double x, double lo, double hi) { return std::fmin(std::fmax(x, lo), hi); }

/// Of resize: a weighted sum of the corners around each place, or of all elements where it is
/// cubic.
Values resized(const VectorOp& op, const Values& x);

/// Of pools.
Values pooled(const VectorOp& op, const Values& x);

Values softmax_rows(const VectorOp& op, const ReferenceOperands& o);

/// Of operators that only move elements, but for dispatch.
Values moved(const VectorOp& op, const ReferenceOperands& o);

}  // namespace bitjoule::reference
