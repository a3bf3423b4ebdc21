// GGML's interleaved blocks, one row per format. Layouts: ggml-common.h; decoding:
// dequantize_row_* of ggml-quants.c. Not finite elements: NaN counts as 0, infinities saturate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/numeric/vectorize.h"

namespace bitjoule {

struct BlockCodec {
  const char* format;
  void (*encode)(const float* x, std::int64_t blocks, std::uint8_t* bytes);
  void (*decode)(const std::uint8_t* bytes, std::int64_t blocks, float* values);
  /// Of one block; a constant zero-point is folded in: value = scale * code + min.
  void (*codes)(const std::uint8_t* block, std::int16_t* integers);
  /// Of (sub-)group `group` of one block; `min` is null where the format has none.
  float (*scale)(const std::uint8_t* block, int group);
  float (*min)(const std::uint8_t* block, int group);
};

/// The row of an interleaved format. Throws an input Error for one whose values are not known, an
/// internal one for other names.
const BlockCodec& find_block_codec(const std::string& format);

/// How llama.cpp's quantizer encodes weights, where that is not what find_block_codec() does (which
/// is how its programs convert activations): of iq4_nl. nullptr: it is.
using BlockEncoder = void (*)(const float* x, std::int64_t blocks, std::uint8_t* bytes);
BlockEncoder weight_encoder(const std::string& format);

/// Whether it is one of q2_k to q6_k.
bool is_k_quant(const std::string& format);

/// Appends the super-blocks of a row of k weights, a multiple of 256, whose scales are chosen by
/// the importance of each (ggml_importance.h).
void add_k_quant_row(const std::string& format, const float* x, std::int64_t k,
                     const float* importance, std::vector<std::uint8_t>& bytes);

/// GGML's MXFP4 blocks (E8M0 exponent, then 16 bytes: element j in the low nibble of byte j, j + 16
/// in its high one) of rows of `k` elements as the planar bytes of format mxfp4. Throws an input
/// Error where k is not a multiple of 32 or the number of bytes differs.
std::vector<std::uint8_t> mxfp4_from_ggml(const std::vector<std::uint8_t>& blocks,
                                          std::int64_t rows, std::int64_t k);

/// Likewise of NVFP4: four UE4M3 scales, then 8 bytes for each 16 elements. `tensor_scale` is what
/// all values are multiplied with, which GGUF keeps as a tensor of its own.
std::vector<std::uint8_t> nvfp4_from_ggml(const std::vector<std::uint8_t>& blocks,
                                          std::int64_t rows, std::int64_t k,
                                          float tensor_scale = 1);

/// A block's 16-bit field, little-endian.
BITJOULE_INLINE std::uint16_t load16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>(bytes[0] | (bytes[1] << 8));
}
BITJOULE_INLINE void store16(std::uint8_t* bytes, std::uint16_t value) {
  bytes[0] = static_cast<std::uint8_t>(value & 255);
  bytes[1] = static_cast<std::uint8_t>(value >> 8);
}

/// Rows of the families.
extern const BlockCodec kClassicBlocks[5];  // q4_0, q4_1, q5_0, q5_1, q8_0
extern const BlockCodec kSuperBlocks[5];    // q2_k, q3_k, q4_k, q5_k, q6_k
extern const BlockCodec kTernaryBlocks[4];  // q1_0, q2_0, tq1_0, tq2_0
extern const BlockCodec kTableBlocks[2];    // iq4_nl, iq4_xs

}  // namespace bitjoule
