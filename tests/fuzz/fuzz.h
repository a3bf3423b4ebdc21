// Files of any bytes must be read, or refused by an input Error: never a crash, never a large
// allocation for a small file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "sim/import/import.h"

// libFuzzer's name. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bitjoule::fuzz {

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(data[i]);
  return text;
}

/// Runs `read` on the bytes; any Error but an input Error is a finding.
template <class F>
int accept_or_refuse(const F& read) {
  try {
    read();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
  }
  return 0;
}

/// The values of every tensor that has any.
inline void decode_all(const std::vector<StoredTensor>& tensors) {
  for (const StoredTensor& tensor : tensors) accept_or_refuse([&] { tensor_values(tensor); });
}

}  // namespace bitjoule::fuzz
