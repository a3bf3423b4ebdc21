// Builds GGUF files byte by byte for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bitjoule::test {

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string gguf_string(const std::string& text) {
  return little_endian<std::uint64_t>(text.size()) + text;
}

class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3) : version_(version) {}

  GgufBuilder& text(const std::string& key, const std::string& value) {
    return entry(key, 8, gguf_string(value));
  }
  GgufBuilder& number(const std::string& key, std::uint32_t value) {
    return entry(key, 4, little_endian(value));
  }
  GgufBuilder& real(const std::string& key, float value) {
    return entry(key, 6, little_endian(value));
  }
  GgufBuilder& entry(const std::string& key, std::uint32_t type, const std::string& value) {
    metadata_ += gguf_string(key) + little_endian(type) + value;
    ++entries_;
    return *this;
  }
  /// `sizes` as stored: the row first.
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& sizes,
                      std::uint32_t type, const std::string& data) {
    infos_ += gguf_string(name) + little_endian(static_cast<std::uint32_t>(sizes.size()));
    for (std::uint64_t size : sizes) infos_ += little_endian(size);
    infos_ += little_endian(type) + little_endian<std::uint64_t>(data_.size());
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensors_;
    return *this;
  }
  std::string header() const {
    return "GGUF" + little_endian(version_) + little_endian(tensors_) + little_endian(entries_) +
           metadata_ + infos_;
  }
  std::string bytes() const {
    std::string all = header();
    all.resize((all.size() + 31) / 32 * 32);
    return all + data_;
  }

 private:
  std::uint32_t version_;
  std::uint64_t tensors_ = 0, entries_ = 0;
  std::string metadata_, infos_, data_;
};

}  // namespace bitjoule::test
