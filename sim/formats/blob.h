// The bytes of an untrusted file, and a cursor that never leaves them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/blob.h"

namespace bitjoule {

/// A file mapped into memory. Throws an input Error when it cannot be opened or is no regular file.
Blob map_file(const std::string& path);

/// Reads little-endian values front to back. Every read past the end throws an input Error that
/// names the file and the byte.
class ByteCursor {
 public:
  explicit ByteCursor(const Blob& blob) : blob_(blob) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return blob_.size() - position_; }
  /// The next `count` bytes; the cursor moves behind them.
  const std::uint8_t* take(std::uint64_t count, const char* what);
  template <class T>
  T read(const char* what);
  /// A 64-bit length and so many bytes.
  std::string read_string(const char* what, std::uint64_t max_length);
  /// Refuses a count of things, each at least `least_bytes` long, that the rest cannot hold.
  void require_room(std::uint64_t count, std::uint64_t least_bytes, const char* what) const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  const Blob& blob_;
  std::size_t position_ = 0;
};

}  // namespace bitjoule
