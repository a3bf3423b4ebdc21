// Bytes that somebody else owns, and copies share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace bitjoule {

/// The bytes of a file or of a buffer. `name` is what errors print.
class Blob {
 public:
  Blob() = default;
  /// `owner` keeps the bytes alive; null: they outlive the blob.
  Blob(std::string name, std::shared_ptr<const void> owner, const void* data, std::size_t size)
      : name_(std::move(name)),
        owner_(std::move(owner)),
        data_(static_cast<const std::uint8_t*>(data)),
        size_(size) {}
  static Blob from_memory(const std::string& name, std::string bytes) {
    const auto owner = std::make_shared<const std::string>(std::move(bytes));
    return {name, owner, owner->data(), owner->size()};
  }

  const std::string& name() const { return name_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::string name_;
  std::shared_ptr<const void> owner_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace bitjoule
