// What an operator reads: its own elements, or others' where they lie.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace bitjoule {

/// A vector to read, which is either held or lies elsewhere and outlives this. Large tensors are
/// read by one operator after the other: copies of them would take longer than many an operator.
template <class T>
class Borrowed {
 public:
  Borrowed() = default;
  Borrowed(std::vector<T> own) : own_(std::move(own)) {}  // NOLINT: as a vector
  Borrowed(std::initializer_list<T> own) : own_(own) {}
  static Borrowed of(const std::vector<T>& other) {
    Borrowed result;
    result.other_ = &other;
    return result;
  }
  static Borrowed of(std::vector<T>&& other) = delete;

  const std::vector<T>& get() const { return other_ != nullptr ? *other_ : own_; }
  operator const std::vector<T>&() const { return get(); }  // NOLINT: as a vector
  /// A copy of its own, to be changed.
  std::vector<T>& own() {
    if (other_ != nullptr) own_ = *other_;
    other_ = nullptr;
    return own_;
  }

  /// Its own elements, if it has any, which are gone then.
  std::vector<T> taken() && { return std::move(own_); }

  std::size_t size() const { return get().size(); }
  bool empty() const { return get().empty(); }
  const T& operator[](std::size_t i) const { return get()[i]; }
  auto begin() const { return get().begin(); }
  auto end() const { return get().end(); }

 private:
  std::vector<T> own_;
  const std::vector<T>* other_ = nullptr;
};

}  // namespace bitjoule
