// The least of any stretch of a table, in constant time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bitjoule {

class RangeMin {
 public:
  RangeMin() = default;
  explicit RangeMin(std::vector<double> values) {
    levels_.push_back(std::move(values));
    for (std::size_t width = 1; 2 * width <= levels_[0].size(); width *= 2) {
      const std::vector<double>& below = levels_.back();
      std::vector<double> level(below.size() - width);
      for (std::size_t i = 0; i < level.size(); ++i)
        level[i] = std::min(below[i], below[i + width]);
      levels_.push_back(std::move(level));
    }
  }

  /// Of all entries.
  double largest() const { return *std::max_element(levels_[0].begin(), levels_[0].end()); }

  /// Of entries first..last, both included.
  double operator()(std::size_t first, std::size_t last) const {
    const auto width = static_cast<std::uint32_t>(last - first + 1);
    const auto level = static_cast<std::size_t>(31 - __builtin_clz(width));
    const std::vector<double>& row = levels_[level];
    return std::min(row[first], row[last + 1 - (std::size_t{1} << level)]);
  }

 private:
  std::vector<std::vector<double>> levels_;  // of stretches of 1, 2, 4, ... entries
};

}  // namespace bitjoule
