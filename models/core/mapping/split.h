// Equal pieces of an axis: counted, not visited.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bitjoule {

/// `total` in pieces of `size`: `count` of them, and a shorter last one of `rest`.
struct Split {
  std::int64_t size, count, rest;
  Split(std::int64_t total, std::int64_t piece)
      : size(std::min(piece, total)), count(total / size), rest(total % size) {}

  /// Calls f(size, number) for the pieces in their order.
  template <class F>
  void each(F f) const {
    f(size, count);
    if (rest != 0) f(rest, std::int64_t{1});
  }
};

}  // namespace bitjoule
