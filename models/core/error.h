// The one error type of the libraries; only main() turns it into an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace bitjoule {

enum class ErrorKind {
  kInput,         ///< bad usage, configuration or file: exit code 2
  kVerification,  ///< an output differs from the oracle, or a conservation check failed: exit code
                  ///< 3
  kInternal,      ///< a broken invariant of the program itself: exit code 1
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// An input error whose message stands on its own: what is wrong, its value, what is expected.
inline Error input_error(const std::string& message) { return Error(ErrorKind::kInput, message); }
inline Error internal_error(const std::string& message) {
  return Error(ErrorKind::kInternal, message);
}

}  // namespace bitjoule
