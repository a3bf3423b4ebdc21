// The bytes behind a DRAM target, for initiators that pass data.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace bitjoule {

/// Zero until written; only pages that were written take room.
class SparseMemory {
 public:
  void read(std::uint64_t address, unsigned char* data, std::uint64_t bytes) const;
  void write(std::uint64_t address, const unsigned char* data, std::uint64_t bytes);

 private:
  static constexpr std::uint64_t kPage = 4096;
  std::unordered_map<std::uint64_t, std::unique_ptr<unsigned char[]>> pages_;
};

}  // namespace bitjoule
