// A queue in one growing array: no allocation per element, unlike std::deque's blocks.
#pragma once

#include <cstddef>
#include <vector>

namespace bitjoule {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  T& front() { return items_[head_ & mask_]; }
  const T& front() const { return items_[head_ & mask_]; }
  void pop() { ++head_; }
  void push(const T& item) {
    if (size() == items_.size()) grow();
    items_[tail_++ & mask_] = item;
  }
  /// Behind the last one that does not come after it, for items that arrive nearly in order.
  template <class Before>
  void insert(const T& item, Before before) {
    push(item);
    std::size_t i = tail_ - 1;
    for (; i != head_ && before(item, items_[(i - 1) & mask_]); --i)
      items_[i & mask_] = items_[(i - 1) & mask_];
    items_[i & mask_] = item;
  }

 private:
  void grow() {
    std::vector<T> bigger(2 * items_.size());
    const std::size_t n = size();
    for (std::size_t i = 0; i < n; ++i) bigger[i] = items_[(head_ + i) & mask_];
    items_ = std::move(bigger);
    mask_ = items_.size() - 1;
    head_ = 0;
    tail_ = n;
  }
  std::vector<T> items_ = std::vector<T>(16);
  std::size_t mask_ = 15, head_ = 0, tail_ = 0;
};

}  // namespace bitjoule
