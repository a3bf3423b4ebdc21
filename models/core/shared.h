// What is large and equal in many places: copies have it in common until one of them is edited.
#pragma once

#include <memory>
#include <utility>

namespace bitjoule {

/// A value of T. Copying it costs nothing; not to be edited by two threads, nor read once it has
/// been moved from.
template <class T>
class Shared {
 public:
  Shared() = default;
  Shared(T value)  // NOLINT(google-explicit-constructor): it is that value
      : value_(std::make_shared<T>(std::move(value))) {}
  Shared& operator=(T value) {  // also from its members in braces
    value_ = std::make_shared<T>(std::move(value));
    return *this;
  }

  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  operator const T&() const { return *value_; }  // NOLINT(google-explicit-constructor)
  /// Whether both are copies of one; while they are, neither changes. Others may be equal too.
  bool is_same(const Shared& other) const { return value_ == other.value_; }
  /// The value, of this copy alone.
  T& edit() {
    if (value_.use_count() > 1) value_ = std::make_shared<T>(*value_);
    return *value_;
  }

 private:
  std::shared_ptr<T> value_ = std::make_shared<T>();
};

}  // namespace bitjoule
