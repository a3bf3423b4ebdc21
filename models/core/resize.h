// Memory for large results: new pages take their time, and whoever waits may want to stop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/interrupt.h"

namespace bitjoule {

/// As values.resize(count), asking now and then whether to go on.
template <class T>
void resize(std::vector<T>& values, std::size_t count) {
  constexpr std::size_t kUninterrupted = std::size_t{1} << 22;  // bytes
  values.reserve(count);
  while (values.size() < count) {
    check_interrupt();
    values.resize(std::min(count, values.size() + kUninterrupted / sizeof(T)));
  }
  values.resize(count);
}

}  // namespace bitjoule
