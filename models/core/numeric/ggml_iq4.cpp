// iq4_nl and iq4_xs: codes stand for 16 integers that lie closer around 0. Encoding is that of
// quantize_row_iq4_nl_ref and quantize_row_iq4_xs_ref, of weights quantize_iq4_nl, sums in GGML's
// order in fp32.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/numeric/float_codec.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/ggml_k_search.h"
#include "core/numeric/statistics.h"

namespace bitjoule {
namespace iq4 {
namespace {

constexpr int kTries = 7;
constexpr int kBlock = 32, kSuper = 256, kGroups = kSuper / kBlock;
constexpr int kNlBytes = 18, kXsBytes = 136, kXsCodes = 8;
constexpr std::int16_t kTable[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
constexpr int kZeroCode = 8;  // of the entry next to 0

float entry(int code) { return static_cast<float>(kTable[code]); }

/// The code of the nearest entry; in the middle the upper one.
int nearest_entry(float x) {
  if (x <= entry(0)) return 0;
  if (x >= entry(15)) return 15;
  int above = 1;
  while (above < 15 && x >= entry(above)) ++above;
  return x - entry(above - 1) < entry(above) - x ? above - 1 : above;
}

/// Sums of x times entry, and of entries squared, each weighted by x^2.
struct Fit {
  float product = 0, square = 0;
  float scale() const { return product / square; }
};
Fit fit(const float* x, float inverse, std::uint8_t* codes) {
  Fit sums;
  for (int i = 0; i < kBlock; ++i) {
    const int code = nearest_entry(inverse * x[i]);
    if (codes != nullptr) codes[i] = static_cast<std::uint8_t>(code);
    const float q = entry(code), weight = x[i] * x[i];
    sums.product += weight * q * x[i];
    sums.square += weight * q * q;
  }
  return sums;
}

/// The scale of 32 elements by weighted least squares: of the best of candidates that give the
/// extreme about the first entry, `tries` on either side; without them of the one that gives it the
/// entry -127 with the sign turned, whose codes are kept.
float search(const float* x, int tries, std::uint8_t* codes) {
  std::fill(codes, codes + kBlock, std::uint8_t{kZeroCode});
  float largest = 0, extreme = 0;
  for (int i = 0; i < kBlock; ++i) {
    if (std::fabs(x[i]) <= largest) continue;
    largest = std::fabs(x[i]);
    extreme = x[i];
  }
  if (largest < 1e-15f) return 0;
  const Fit first = fit(x, 1 / ((tries > 0 ? -extreme : extreme) / entry(0)), codes);
  float scale = first.scale(), best = scale * first.product;
  for (int step = -tries; step <= tries; ++step) {
    const Fit next = fit(x, (static_cast<float>(step) + entry(0)) / extreme, nullptr);
    if (!(next.square > 0 && next.product * next.product > best * next.square)) continue;
    scale = next.scale();
    best = scale * next.product;
  }
  return scale;
}

/// Finite values whose squares are finite; what to multiply scales with.
float tame(const float* x, int n, float* tamed) {
  constexpr float kLarge = 1e15f, kFactor = 1e30f;
  const float largest = abs_max(x, n);
  const bool is_large = largest > kLarge;
  for (int i = 0; i < n; ++i) {
    const float value = std::isnan(x[i]) ? 0.0f : std::clamp(x[i], -largest, largest);
    tamed[i] = is_large ? value / kFactor : value;
  }
  return is_large ? kFactor : 1.0f;
}

void pack(const std::uint8_t* codes, std::uint8_t* nibbles) {
  for (int j = 0; j < kBlock / 2; ++j)
    nibbles[j] = static_cast<std::uint8_t>(codes[j] | (codes[j + kBlock / 2] << 4));
}

void unpack(const std::uint8_t* nibbles, std::int16_t* integers) {
  for (int j = 0; j < kBlock / 2; ++j) {
    integers[j] = kTable[nibbles[j] & 15];
    integers[j + kBlock / 2] = kTable[nibbles[j] >> 4];
  }
}

void encode_nl(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; ++b, x += kBlock, bytes += kNlBytes) {
    float tamed[kBlock];
    std::uint8_t codes[kBlock];
    const float factor = tame(x, kBlock, tamed);
    store16(bytes, encode_fp16_scale(search(tamed, -1, codes) * factor));
    pack(codes, bytes + 2);
  }
}

/// The best of candidates, and the codes that are nearest then.
void encode_nl_weights(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; ++b, x += kBlock, bytes += kNlBytes) {
    float tamed[kBlock];
    std::uint8_t codes[kBlock];
    const float factor = tame(x, kBlock, tamed);
    const float scale = search(tamed, kTries, codes), back = scale != 0 ? 1 / scale : 0;
    store16(bytes, encode_fp16_scale(scale * factor));
    for (int i = 0; i < kBlock; ++i)
      codes[i] = static_cast<std::uint8_t>(nearest_entry(back * tamed[i]));
    pack(codes, bytes + 2);
  }
}

void encode_xs(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; ++b, x += kSuper, bytes += kXsBytes) {
    float tamed[kSuper], scales[kGroups];
    std::uint8_t codes[kBlock];
    const float factor = tame(x, kSuper, tamed);
    float largest = 0;  // scale, with its sign
    for (int g = 0; g < kGroups; ++g) {
      scales[g] = search(tamed + g * kBlock, kTries, codes);
      if (std::fabs(scales[g]) > std::fabs(largest)) largest = scales[g];
    }
    const float d = -largest / 32, inverse = d != 0 ? 1 / d : 0;
    std::memset(bytes, 0, kXsCodes);
    store16(bytes, encode_fp16_scale(d * factor));
    int high = 0;
    for (int g = 0; g < kGroups; ++g) {
      const int level = std::clamp(nearest_code(inverse * scales[g]), -32, 31);
      const float scale = d * static_cast<float>(level), back = scale != 0 ? 1 / scale : 0;
      for (int i = 0; i < kBlock; ++i)
        codes[i] = static_cast<std::uint8_t>(nearest_entry(back * tamed[g * kBlock + i]));
      pack(codes, bytes + kXsCodes + g * kBlock / 2);
      bytes[4 + g / 2] |= static_cast<std::uint8_t>(((level + 32) & 15) << (g % 2 * 4));
      high |= ((level + 32) >> 4) << (2 * g);
    }
    store16(bytes + 2, static_cast<std::uint16_t>(high));
  }
}

float scale_nl(const std::uint8_t* block, int) { return decode_fp16(load16(block)); }

float scale_xs(const std::uint8_t* block, int group) {
  const int low = (block[4 + group / 2] >> (group % 2 * 4)) & 15;
  const int high = (load16(block + 2) >> (2 * group)) & 3;
  return decode_fp16(load16(block)) * static_cast<float>((low | (high << 4)) - 32);
}

void decode_block(float scale, const std::uint8_t* nibbles, float* values) {
  for (int j = 0; j < kBlock / 2; ++j) {
    values[j] = scale * entry(nibbles[j] & 15);
    values[j + kBlock / 2] = scale * entry(nibbles[j] >> 4);
  }
}

void decode_nl(const std::uint8_t* bytes, std::int64_t blocks, float* values) {
  for (std::int64_t b = 0; b < blocks; ++b, bytes += kNlBytes, values += kBlock)
    decode_block(scale_nl(bytes, 0), bytes + 2, values);
}

void decode_xs(const std::uint8_t* bytes, std::int64_t blocks, float* values) {
  for (std::int64_t b = 0; b < blocks; ++b, bytes += kXsBytes)
    for (int g = 0; g < kGroups; ++g, values += kBlock)
      decode_block(scale_xs(bytes, g), bytes + kXsCodes + g * kBlock / 2, values);
}

void codes_nl(const std::uint8_t* block, std::int16_t* integers) { unpack(block + 2, integers); }

void codes_xs(const std::uint8_t* block, std::int16_t* integers) {
  for (int g = 0; g < kGroups; ++g)
    unpack(block + kXsCodes + g * kBlock / 2, integers + g * kBlock);
}

}  // namespace
}  // namespace iq4

BlockEncoder weight_encoder(const std::string& format) {
  return format == kTableBlocks[0].format ? iq4::encode_nl_weights : nullptr;
}

const BlockCodec kTableBlocks[2] = {
    {"iq4_nl", iq4::encode_nl, iq4::decode_nl, iq4::codes_nl, iq4::scale_nl, nullptr},
    {"iq4_xs", iq4::encode_xs, iq4::decode_xs, iq4::codes_xs, iq4::scale_xs, nullptr},
};

}  // namespace bitjoule
