#include "core/interrupt.h"

#include <utility>

namespace bitjoule {
namespace {

thread_local const std::function<void()>* current_check = nullptr;

}  // namespace

InterruptScope::InterruptScope(std::function<void()> check)
    : check_(std::move(check)), outer_(std::exchange(current_check, &check_)) {}

InterruptScope::~InterruptScope() { current_check = outer_; }

void check_interrupt() {
  if (current_check != nullptr && *current_check) (*current_check)();
}

std::function<void()> interrupt_check() {
  return current_check != nullptr ? *current_check : nullptr;
}

}  // namespace bitjoule
