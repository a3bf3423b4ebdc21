#include "core/error.h"
#include "core/numeric/ggml_blocks.h"

namespace bitjoule {

std::vector<std::uint8_t> mxfp4_from_ggml(const std::vector<std::uint8_t>& blocks,
                                          std::int64_t rows, std::int64_t k) {
  constexpr std::size_t kElements = 32, kCodeBytes = 16, kBytes = 17;
  if (rows < 0 || k < 0 || k % static_cast<std::int64_t>(kElements) != 0) {
    throw input_error("MXFP4 stores blocks of 32 elements along k; k = " + std::to_string(k) +
                      " is not a multiple");
  }
  const std::size_t count = blocks.size() / kBytes;
  const auto per_row = static_cast<std::size_t>(k) / kElements;
  if (blocks.size() % kBytes != 0 || (per_row == 0 ? count != 0 : count % per_row != 0) ||
      (per_row != 0 && count / per_row != static_cast<std::size_t>(rows))) {
    throw input_error(std::to_string(rows) + " x " + std::to_string(k) +
                      " elements do not fill the " + std::to_string(blocks.size()) +
                      " bytes of MXFP4 blocks");
  }
  std::vector<std::uint8_t> planar(blocks.size());
  for (std::size_t b = 0; b < count; ++b) {
    const std::uint8_t* block = &blocks[b * kBytes];
    planar[count * kCodeBytes + b] = block[0];
    for (std::size_t element = 0; element < kElements; ++element) {
      const int byte = block[1 + element % kCodeBytes];
      const int code = element < kCodeBytes ? byte & 15 : byte >> 4;
      std::uint8_t& out = planar[b * kCodeBytes + element / 2];
      out = static_cast<std::uint8_t>(out | (code << (element % 2 * 4)));
    }
  }
  return planar;
}

}  // namespace bitjoule
