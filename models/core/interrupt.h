// How a program stops what takes long: loops ask now and then whether to go on.
#pragma once

#include <functional>

namespace bitjoule {

/// While it lives, check_interrupt() calls `check` on this thread, which throws to stop the work.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<void()> check);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  std::function<void()> check_;
  const std::function<void()>* outer_;
};

/// For loops that may take long: cheap, and nothing outside of an InterruptScope. What it throws
/// arrives as it is, but for a process of a simulation, which makes a report of it.
void check_interrupt();

}  // namespace bitjoule
