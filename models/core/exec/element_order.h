// In which order the elements of tensors lie, and how operands are broadcast: for the operators of
// the vector unit.
#pragma once

#include <cstdint>
#include <vector>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// Distance of neighbours along each dimension.
inline std::vector<std::int64_t> strides_of(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// Calls visit(flat, index) for every element of a shape, in C order.
template <class F>
void for_each_index(const std::vector<std::int64_t>& shape, std::int64_t elements, F visit) {
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::int64_t flat = 0; flat < elements; ++flat) {
    check_interrupt_after(8);
    visit(flat, index);
    for (std::size_t i = shape.size(); i-- > 0 && ++index[i] == shape[i];) index[i] = 0;
  }
}

/// An operand as every element of the output sees it, as numpy broadcasts.
template <class T>
std::vector<T> broadcast(const VectorOp& op, const std::vector<T>& x, std::size_t operand) {
  if (op.operand_shapes.empty()) return x;
  const std::vector<std::int64_t>& from = op.operand_shapes[operand];
  const std::vector<std::int64_t> strides = strides_of(from);
  const std::size_t missing = op.shape.size() - from.size();
  std::vector<T> y(at(op.elements()));
  for_each_index(op.shape, op.elements(),
                 [&](std::int64_t flat, const std::vector<std::int64_t>& index) {
                   std::int64_t source = 0;
                   for (std::size_t i = 0; i < from.size(); ++i)
                     if (from[i] != 1) source += index[missing + i] * strides[i];
                   y[at(flat)] = x[at(source)];
                 });
  return y;
}

}  // namespace bitjoule
