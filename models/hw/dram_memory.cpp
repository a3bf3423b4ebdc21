#include "hw/dram_memory.h"

#include <algorithm>
#include <cstring>

namespace bitjoule {
namespace {

/// Calls visit(address, offset into the data, bytes) for each piece that stays within one page.
template <class Visit>
void for_each_piece(std::uint64_t page, std::uint64_t address, std::uint64_t bytes, Visit visit) {
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t piece = std::min(bytes - done, page - (address + done) % page);
    visit(address + done, done, piece);
    done += piece;
  }
}

}  // namespace

void SparseMemory::read(std::uint64_t address, unsigned char* data, std::uint64_t bytes) const {
  for_each_piece(kPage, address, bytes, [&](std::uint64_t at, std::uint64_t done, std::uint64_t n) {
    const auto page = pages_.find(at / kPage);
    if (page == pages_.end()) {
      std::memset(data + done, 0, n);
    } else {
      std::memcpy(data + done, page->second.get() + at % kPage, n);
    }
  });
}

void SparseMemory::write(std::uint64_t address, const unsigned char* data, std::uint64_t bytes) {
  for_each_piece(kPage, address, bytes, [&](std::uint64_t at, std::uint64_t done, std::uint64_t n) {
    std::unique_ptr<unsigned char[]>& page = pages_[at / kPage];
    if (!page) page = std::make_unique<unsigned char[]>(kPage);  // zeroed
    std::memcpy(page.get() + at % kPage, data + done, n);
  });
}

}  // namespace bitjoule
