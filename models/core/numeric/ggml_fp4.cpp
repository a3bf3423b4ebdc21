// GGML's blocks of E2M1, which are planar here.
#include <cstring>

#include "core/error.h"
#include "core/numeric/format.h"
#include "core/numeric/ggml_blocks.h"

namespace bitjoule {
namespace fp4 {
namespace {

/// Groups of elements with a scale byte each, which come first; a group's code bytes hold element j
/// in the low nibble of byte j, and half a group on in its high one.
struct Fp4Blocks {
  const char* name;
  std::size_t group, groups;
  std::size_t elements() const { return group * groups; }
  std::size_t bytes() const { return groups + elements() / 2; }
};

std::vector<std::uint8_t> planar(const Fp4Blocks& b, const std::vector<std::uint8_t>& blocks,
                                 std::int64_t rows, std::int64_t k) {
  if (rows < 0 || k < 0 || k % static_cast<std::int64_t>(b.elements()) != 0)
    throw input_error(std::string(b.name) + " stores blocks of " + std::to_string(b.elements()) +
                      " elements along k; k = " + std::to_string(k) + " is not a multiple");
  const std::size_t count = blocks.size() / b.bytes();
  const auto per_row = static_cast<std::size_t>(k) / b.elements();
  if (blocks.size() % b.bytes() != 0 || (per_row == 0 ? count != 0 : count % per_row != 0) ||
      (per_row != 0 && count / per_row != static_cast<std::size_t>(rows)))
    throw input_error(std::to_string(rows) + " x " + std::to_string(k) +
                      " elements do not fill the " + std::to_string(blocks.size()) + " bytes of " +
                      b.name + " blocks");
  std::vector<std::uint8_t> result(blocks.size());
  const std::size_t scales_at = count * b.elements() / 2, half = b.group / 2;
  for (std::size_t i = 0; i < count * b.groups; ++i) {
    const std::uint8_t* block = &blocks[i / b.groups * b.bytes()];
    const std::uint8_t* bytes = block + b.groups + i % b.groups * half;
    result[scales_at + i] = block[i % b.groups];
    for (std::size_t element = 0; element < b.group; ++element) {
      const int byte = bytes[element % half];
      const int code = element < half ? byte & 15 : byte >> 4;
      std::uint8_t& out = result[i * half + element / 2];
      out = static_cast<std::uint8_t>(out | (code << (element % 2 * 4)));
    }
  }
  return result;
}

}  // namespace
}  // namespace fp4

std::vector<std::uint8_t> mxfp4_from_ggml(const std::vector<std::uint8_t>& blocks,
                                          std::int64_t rows, std::int64_t k) {
  return fp4::planar({"MXFP4", 32, 1}, blocks, rows, k);
}

std::vector<std::uint8_t> nvfp4_from_ggml(const std::vector<std::uint8_t>& blocks,
                                          std::int64_t rows, std::int64_t k, float tensor_scale) {
  std::vector<std::uint8_t> result = fp4::planar({"NVFP4", 16, 4}, blocks, rows, k);
  // Unsigned here: the code that is NaN in E4M3 decodes to 0.
  for (std::size_t i = result.size() / 9 * 8; i < result.size(); ++i)
    result[i] = static_cast<std::uint8_t>((result[i] & 127) == 127 ? 0 : result[i] & 127);
  result.resize(result.size() + 4);
  std::memcpy(&result[result.size() - 4], &tensor_scale, 4);
  return result;
}

}  // namespace bitjoule
