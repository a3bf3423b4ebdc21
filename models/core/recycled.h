// Memory of large results that are needed again and again: setting it to 0 takes as long as many an
// operator, and new pages longer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/resize.h"

namespace bitjoule {

/// Vectors that nobody reads any more, of this thread.
template <class T>
class Recycled {
 public:
  static Recycled& instance() {
    static thread_local Recycled recycled;
    return recycled;
  }

  std::vector<T> take(std::size_t count) {
    // The last one first: it may lie in a cache.
    const auto fits = [&](const std::vector<T>& v) {
      return v.capacity() >= count && v.capacity() - count <= count / 4;
    };
    const auto found = std::find_if(vectors_.rbegin(), vectors_.rend(), fits);
    std::vector<T> values;
    if (found != vectors_.rend()) {
      values.swap(*found);
      held_ -= values.capacity();
      vectors_.erase(std::next(found).base());
    }
    resize(values, count);
    return values;
  }

  void give(std::vector<T>&& values) {
    if (values.capacity() < kLeast || values.capacity() > kMost) return;
    held_ += values.capacity();
    vectors_.push_back(std::move(values));
    while (held_ > kMost) {
      held_ -= vectors_.front().capacity();
      vectors_.erase(vectors_.begin());
    }
  }

 private:
  /// Elements of a vector and of all of them: what a layer and those around it have.
  static constexpr std::size_t kLeast = 1024, kMost = std::size_t{1} << 22;

  std::vector<std::vector<T>> vectors_;
  std::size_t held_ = 0;
};

/// A vector of `count` elements, which may hold anything: each must be set before it is read.
template <class T>
std::vector<T> recycled(std::size_t count) {
  return Recycled<T>::instance().take(count);
}

/// All of some elements as those of another type, in recycled memory.
template <class To, class From>
std::vector<To> converted(const std::vector<From>& from) {
  std::vector<To> to = recycled<To>(from.size());
  std::transform(from.begin(), from.end(), to.begin(), [](From x) { return static_cast<To>(x); });
  return to;
}

/// Nobody reads these values any more.
template <class T>
void recycle(std::vector<T>&& values) {
  Recycled<T>::instance().give(std::move(values));
}

}  // namespace bitjoule
