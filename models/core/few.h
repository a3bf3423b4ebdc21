// Lists that are mostly short: a search makes tens of thousands of them, each of which would ask
// for memory of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

namespace bitjoule {

/// A vector of plain values, of which the first `InPlace` take no memory of their own.
template <class T, std::size_t InPlace>
class Few {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Few() = default;
  Few(const Few&) = default;  // that of what is not set, too, is cheaper than to ask
  Few& operator=(const Few&) = default;
  ~Few() = default;

  void push_back(const T& value) {
    if (many_.empty() && size_ < InPlace) {
      std::memcpy(few_.data() + size_ * sizeof(T), &value, sizeof(T));
    } else {
      const T copied = value;  // it may be an element
      if (many_.empty()) many_.assign(begin(), end());
      many_.push_back(copied);
    }
    ++size_;
  }
  /// `count` from `index` on; those behind them move up.
  void erase(std::size_t index, std::size_t count = 1) {
    if (many_.empty()) {
      T* const at = data() + index;
      std::memmove(static_cast<void*>(at), at + count, (size_ - index - count) * sizeof(T));
    } else {
      const auto at = many_.begin() + static_cast<std::ptrdiff_t>(index);
      many_.erase(at, at + static_cast<std::ptrdiff_t>(count));
    }
    size_ -= count;
  }
  void pop_back() { erase(size_ - 1); }
  void clear() {
    size_ = 0;
    many_.clear();
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  T& front() { return *begin(); }
  const T& front() const { return *begin(); }
  T& back() { return end()[-1]; }
  const T& back() const { return end()[-1]; }

 private:
  T* data() { return many_.empty() ? reinterpret_cast<T*>(few_.data()) : many_.data(); }
  const T* data() const {
    return many_.empty() ? reinterpret_cast<const T*>(few_.data()) : many_.data();
  }

  std::size_t size_ = 0;
  alignas(T) std::array<std::byte, InPlace * sizeof(T)> few_;  // what is there of it is set
  std::vector<T> many_;                                        // all of them, where they are more
};

}  // namespace bitjoule
