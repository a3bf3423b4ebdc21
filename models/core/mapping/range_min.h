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
  explicit RangeMin(std::vector<double> values) : size_(values.size()), levels_(std::move(values)) {
    const std::size_t last = last_level(size_);
    levels_.resize(begin_of(size_, last + 1));
    for (std::size_t level = 1; level <= last; ++level) {
      const std::size_t width = std::size_t{1} << (level - 1);
      const double* const below = &levels_[begin_of(size_, level - 1)];
      double* const own = &levels_[begin_of(size_, level)];
      for (std::size_t i = 0; i + 2 * width <= size_; ++i)
        own[i] = std::min(below[i], below[i + width]);
    }
  }

  /// None yet, with room for what becomes of `size` of them.
  static std::vector<double> room_for(std::size_t size) {
    std::vector<double> values;
    values.reserve(begin_of(size, last_level(size) + 1));
    return values;
  }

  /// Of all entries.
  double largest() const { return *std::max_element(levels_.data(), levels_.data() + size_); }

  /// Of entries first..last, both included.
  double operator()(std::size_t first, std::size_t last) const {
    const auto width = static_cast<std::uint32_t>(last - first + 1);
    const auto level = static_cast<std::size_t>(31 - __builtin_clz(width));
    const double* const row = &levels_[begin_of(size_, level)];
    return std::min(row[first], row[last + 1 - (std::size_t{1} << level)]);
  }

 private:
  /// The level of stretches of 2^level entries has one for each of their begins.
  static std::size_t begin_of(std::size_t size, std::size_t level) {
    return level * (size + 1) - ((std::size_t{1} << level) - 1);
  }
  static std::size_t last_level(std::size_t size) {
    std::size_t last = 0;
    while (std::size_t{2} << last <= size) ++last;
    return last;
  }

  std::size_t size_ = 0;
  std::vector<double> levels_;  // of stretches of 1, 2, 4, ... entries, one after the other
};

}  // namespace bitjoule
