// q1_0, q2_0, tq1_0, tq2_0: one or two bits, or a trit, and an fp16 scale d for a whole block.
// Encoding is that of quantize_row_*_ref.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/numeric/float_codec.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/statistics.h"

namespace bitjoule {
namespace ternary {
namespace {

constexpr int kMost = 256;  // elements of the longest block

/// A block's fields: where d and the codes are, and how an element's integer is read.
struct Sign {  // bit j % 8 of byte j / 8
  static constexpr int kElements = 128, kBytes = 18, kScale = 0;
  static void unpack(const std::uint8_t* block, std::int16_t* q) {
    for (int j = 0; j < kElements; ++j)
      q[j] = static_cast<std::int16_t>(((block[2 + j / 8] >> (j % 8)) & 1) != 0 ? 1 : -1);
  }
  static void pack(const std::int16_t* q, std::uint8_t* block) {
    for (int j = 0; j < kElements; ++j)
      block[2 + j / 8] |= static_cast<std::uint8_t>((q[j] > 0 ? 1 : 0) << (j % 8));
  }
};

struct TwoBits {  // element j in bits 2 (j % 4) of byte j / 4
  static constexpr int kElements = 64, kBytes = 18, kScale = 0, kTop = 2;
  static void unpack(const std::uint8_t* block, std::int16_t* q) {
    for (int j = 0; j < kElements; ++j)
      q[j] = static_cast<std::int16_t>(((block[2 + j / 4] >> (2 * (j % 4))) & 3) - 1);
  }
  static void pack(const std::int16_t* q, std::uint8_t* block) {
    for (int j = 0; j < kElements; ++j)
      block[2 + j / 4] |= static_cast<std::uint8_t>((q[j] + 1) << (2 * (j % 4)));
  }
};

struct TernaryBits {  // per 128: byte m holds m, 32 + m, 64 + m, 96 + m
  static constexpr int kElements = 256, kBytes = 66, kScale = 64, kTop = 1;
  static void unpack(const std::uint8_t* block, std::int16_t* q) {
    for (int j = 0; j < kElements; ++j)
      q[j] = static_cast<std::int16_t>(
          ((block[j / 128 * 32 + j % 32] >> (2 * (j % 128 / 32))) & 3) - 1);
  }
  static void pack(const std::int16_t* q, std::uint8_t* block) {
    for (int j = 0; j < kElements; ++j)
      block[j / 128 * 32 + j % 32] |= static_cast<std::uint8_t>((q[j] + 1) << (2 * (j % 128 / 32)));
  }
};

/// Five trits to a byte, the first the most significant, as ceil(v * 256 / 243): n multiplications
/// by 3 in 8 bits bring digit n to the top. Three runs of bytes: element m + n * bytes is digit n
/// of byte m.
struct Trits {
  static constexpr int kElements = 256, kBytes = 54, kScale = 52, kTop = 1;
  static constexpr struct { int bytes, digits; } kRuns[] = {{32, 5}, {16, 5}, {4, 4}};
  static void unpack(const std::uint8_t* block, std::int16_t* q) {
    for (const auto& run : kRuns) {
      for (int m = 0; m < run.bytes; ++m) {
        auto rest = block[m];
        for (int n = 0; n < run.digits; ++n) {
          q[m + n * run.bytes] = static_cast<std::int16_t>(((rest * 3) >> 8) - 1);
          rest = static_cast<std::uint8_t>(rest * 3);
        }
      }
      block += run.bytes;
      q += run.bytes * run.digits;
    }
  }
  static void pack(const std::int16_t* q, std::uint8_t* block) {
    for (const auto& run : kRuns) {
      for (int m = 0; m < run.bytes; ++m) {
        int value = 0;
        for (int n = 0; n < 5; ++n)
          value = 3 * value + (n < run.digits ? q[m + n * run.bytes] + 1 : 0);
        block[m] = static_cast<std::uint8_t>((value * 256 + 242) / 243);
      }
      block += run.bytes;
      q += run.bytes * run.digits;
    }
  }
};

/// max |x|, and codes of x / d rounded half away from zero.
template <class Layout>
float quantize(const float* x, std::int16_t* q) {
  const float d = abs_max(x, Layout::kElements), inverse = d != 0 ? 1 / d : 0;
  for (int i = 0; i < Layout::kElements; ++i) {
    const float scaled = std::isnan(x[i]) ? 0.0f : std::clamp(x[i], -d, d) * inverse;
    const float held = std::isnan(scaled) ? 0.0f : std::clamp(scaled, -1.0f, 1.0f);
    q[i] = static_cast<std::int16_t>(std::min<long>(std::lround(held), Layout::kTop));
  }
  return d;
}

/// Mean |x|, and signs; 0 counts as positive.
template <>
float quantize<Sign>(const float* x, std::int16_t* q) {
  const float largest = abs_max(x, Sign::kElements);
  float sum = 0;
  for (int i = 0; i < Sign::kElements; ++i) {
    const float value = std::isnan(x[i]) ? 0.0f : std::clamp(x[i], -largest, largest);
    sum += std::fabs(value);
    q[i] = static_cast<std::int16_t>(value >= 0 ? 1 : -1);
  }
  return sum / static_cast<float>(Sign::kElements);
}

template <class Layout>
void encode(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; ++b, x += Layout::kElements, bytes += Layout::kBytes) {
    std::int16_t q[kMost];
    std::memset(bytes, 0, Layout::kBytes);
    store16(bytes + Layout::kScale, encode_fp16_scale(quantize<Layout>(x, q)));
    Layout::pack(q, bytes);
  }
}

template <class Layout>
float scale(const std::uint8_t* block, int) {
  return decode_fp16(load16(block + Layout::kScale));
}

template <class Layout>
void decode(const std::uint8_t* bytes, std::int64_t blocks, float* values) {
  for (std::int64_t b = 0; b < blocks; ++b, bytes += Layout::kBytes, values += Layout::kElements) {
    std::int16_t q[kMost];
    Layout::unpack(bytes, q);
    const float d = scale<Layout>(bytes, 0);
    for (int i = 0; i < Layout::kElements; ++i) values[i] = static_cast<float>(q[i]) * d;
  }
}

template <class Layout>
constexpr BlockCodec row(const char* name) {
  return {name, encode<Layout>, decode<Layout>, Layout::unpack, scale<Layout>, nullptr};
}

}  // namespace
}  // namespace ternary

const BlockCodec kTernaryBlocks[4] = {
    ternary::row<ternary::Sign>("q1_0"), ternary::row<ternary::TwoBits>("q2_0"),
    ternary::row<ternary::Trits>("tq1_0"), ternary::row<ternary::TernaryBits>("tq2_0")};

}  // namespace bitjoule
