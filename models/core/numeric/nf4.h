// NF4 and FP4 of bitsandbytes (QLoRA, arXiv:2305.14314): value = absmax of the block *
// table[code].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// 16 values, ascending in the order of `order`, and the numbers between neighbours.
struct Codebook {
  const float* values;         ///< by code
  const float* thresholds;     ///< 15, ascending
  const std::uint16_t* order;  ///< codes by ascending value
};

/// Of a format's name: nf4, fp4_bnb, and these with double quantization.
const Codebook& codebook_of(const std::string& format);

/// Nearest entry of x / scale by bitsandbytes' thresholds; at one the lower entry, NaN counts as 0.
void encode_codebook(const Codebook& book, float scale, const float* x, std::int64_t n,
                     std::uint16_t* codes);
void decode_codebook(const Codebook& book, float scale, const std::uint16_t* codes, std::int64_t n,
                     float* values);

/// bitsandbytes' signed dynamic 8-bit map, ascending: 0, 1 and +-10^(i-6) * m, where m are the
/// midpoints of 2^i equal parts of 0.1..1, i = 0..6 (arXiv:1511.04561). Computed in double.
const float* dynamic8_table();

/// Double quantization of the block scales: scale = mean + block_scale * dynamic8_table()[code],
/// one block_scale per 256 consecutive scales.
struct DoubleQuantized {
  std::vector<std::uint8_t> codes;
  std::vector<float> block_scales;
  float mean = 0;
};
DoubleQuantized double_quantize(const std::vector<float>& scales);

inline constexpr std::int64_t kDoubleQuantBlock = 256;

}  // namespace bitjoule
