// Errors of what is found wrong only after a file was read.
#pragma once

#include <string>

#include "core/error.h"

namespace bitjoule {

/// What `action` returns; each line of its input Errors starts with the file.
template <class F>
auto naming(const std::string& file, F action) {
  try {
    return action();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    std::string text = file + ": ";
    for (const char c : std::string(e.what()))
      text += c == '\n' ? "\n" + file + ": " : std::string{c};
    throw input_error(text);
  }
}

}  // namespace bitjoule
