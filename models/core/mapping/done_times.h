// When operations of one kind were done.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/few.h"

namespace bitjoule {

/// By their number; the older ones are forgotten.
class DoneTimes {
 public:
  std::int64_t end() const { return first_ + static_cast<std::int64_t>(times_.size()); }
  void push(double at) {
    times_.push_back(at);
    if (times_.size() < 2 * kKept) return;
    times_.erase(0, kKept);
    first_ += kKept;
  }
  double at(std::int64_t i) const {
    return i < first_ ? times_.front() : times_[static_cast<std::size_t>(i - first_)];
  }
  void shift(std::int64_t number) { first_ += number; }

 private:
  static constexpr std::int64_t kKept = 4096;
  std::int64_t first_ = 0;
  Few<double, 16> times_;  // of a short layer all
};

}  // namespace bitjoule
