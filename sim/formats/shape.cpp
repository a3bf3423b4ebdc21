#include "sim/formats/shape.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/numeric/stored_tensor.h"

namespace bitjoule {

std::int64_t volume_of(const Shape& shape) {
  std::int64_t total = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) throw input_error(fmt::format("a tensor has a negative size ({})", size));
    if (size != 0 && total > kMaxTensorElements / size)
      throw input_error(
          fmt::format("a tensor is too large: more than {} elements", kMaxTensorElements));
    total *= size;
  }
  return total;
}

Shape permuted(const Shape& shape, const Shape& axes) {
  Shape result;
  for (const std::int64_t axis : axes) result.push_back(shape[static_cast<std::size_t>(axis)]);
  return result;
}

Shape channel_axes(std::size_t rank, bool to_last) {
  Shape axes(rank);
  for (std::size_t i = 0; i < rank; ++i) axes[i] = static_cast<std::int64_t>(i);
  if (to_last) {
    axes.erase(axes.begin() + 1);
    axes.push_back(1);
  } else {
    axes.pop_back();
    axes.insert(axes.begin() + 1, static_cast<std::int64_t>(rank) - 1);
  }
  return axes;
}

Shape axes_moved_last(std::size_t rank, const Shape& axes) {
  Shape order;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(rank); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  order.insert(order.end(), axes.begin(), axes.end());
  return order;
}

Shape inverse(const Shape& axes) {
  Shape result(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i)
    result[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
  return result;
}

}  // namespace bitjoule
