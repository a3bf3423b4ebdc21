// Sizes of tensors along their axes.
#pragma once

#include <cstdint>
#include <vector>

namespace bitjoule {

using Shape = std::vector<std::int64_t>;

/// Entry i of an attribute such as strides, or what stands for a missing one.
inline std::int64_t at(const Shape& values, std::size_t i, std::int64_t otherwise) {
  return i < values.size() ? values[i] : otherwise;
}

/// The elements of a tensor; throws an input Error above kMaxTensorElements or below 0.
std::int64_t volume_of(const Shape& shape);
Shape permuted(const Shape& shape, const Shape& axes);

/// The permutation of a rank (>= 3) that moves channels behind the other axes, or back to place 1.
Shape channel_axes(std::size_t rank, bool to_last);
/// The permutation that moves `axes` behind the others, and the one that undoes a permutation.
Shape axes_moved_last(std::size_t rank, const Shape& axes);
Shape inverse(const Shape& axes);

}  // namespace bitjoule
