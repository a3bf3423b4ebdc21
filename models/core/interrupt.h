// How a program stops what takes long: loops ask now and then whether to go on.
#pragma once

#include <cstdint>
#include <functional>

namespace bitjoule {

/// While it lives, check_interrupt() calls `check` on this thread, which throws to stop the work;
/// an empty one does nothing.
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

/// The same for loops of short steps, about a nanosecond each: asks once in a million of them.
inline void check_interrupt_after(std::int64_t steps) {
  constexpr std::int64_t kStepsBetweenChecks = std::int64_t{1} << 20;
  static thread_local std::int64_t passed = 0;
  if ((passed += steps) < kStepsBetweenChecks) return;
  passed = 0;
  check_interrupt();
}

/// What the innermost scope of this thread calls, or an empty function: for a module (a shared
/// object with a copy of this code), whose own scopes are others.
std::function<void()> interrupt_check();

}  // namespace bitjoule
