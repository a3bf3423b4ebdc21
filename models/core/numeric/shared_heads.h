// Channels of values that several heads of queries share.
#pragma once

#include <cstdint>
#include <vector>

#include "core/index.h"

namespace bitjoule {

/// The results of attention, as a linear layer reads them: `size` of each head, where `count` heads
/// share values. What multiplies a channel of the values multiplies that of all of these.
struct SharedHeads {
  std::int64_t count = 1, size = 0;  ///< a size of 0: not of attention, every input is one value

  /// The first input that a channel of the values becomes.
  std::int64_t input(std::int64_t value) const {
    return size == 0 ? value : value / size * count * size + value % size;
  }

  /// Of inputs that share a value `combine(a, b)` becomes what all of them have.
  template <class T, class F>
  void share(std::vector<T>& inputs, F combine) const {
    if (count == 1) return;
    const auto values = static_cast<std::int64_t>(inputs.size()) / count;
    for (std::int64_t value = 0; value < values; ++value) {
      const std::int64_t first = input(value);
      T common = inputs[at(first)];
      for (std::int64_t i = 1; i < count; ++i)
        common = combine(common, inputs[at(first + i * size)]);
      for (std::int64_t i = 0; i < count; ++i) inputs[at(first + i * size)] = common;
    }
  }
};

}  // namespace bitjoule
