// Memory for large results: new pages take their time, and whoever waits may want to stop.
#pragma once

#include <cstddef>
#include <vector>

#include "core/interrupt.h"

namespace bitjoule {

/// As values.resize(count), asking between its steps whether to go on.
template <class T>
void resize(std::vector<T>& values, std::size_t count) {
  constexpr std::size_t kStep = (std::size_t{1} << 22) / sizeof(T);  // 4 MiB
  values.reserve(count);
  for (std::size_t size = values.size(); size + kStep < count; size = values.size()) {
    values.resize(size + kStep);
    check_interrupt();
  }
  values.resize(count);
}

/// As std::vector<T>(count), asking between its steps whether to go on.
template <class T>
std::vector<T> sized(std::size_t count) {
  std::vector<T> values;
  resize(values, count);
  return values;
}

}  // namespace bitjoule
