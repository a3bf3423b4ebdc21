// q4_0, q4_1, q5_0, q5_1, q8_0: 32 elements, an fp16 scale d and for the _1 forms an fp16 minimum
// m. Encoding is that of quantize_row_*_ref.
#include "core/numeric/ggml_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/error.h"
#include "core/numeric/float_codec.h"
#include "core/numeric/format.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr int kBlock = 32;

// Integers that order like the floats, so that extremes are found with integer instructions.
BITJOULE_INLINE std::int32_t order_of(float x) {
  const auto bits = static_cast<std::int32_t>(bits_of(x));
  return bits ^ ((bits >> 31) & 0x7fffffff);
}
BITJOULE_INLINE float value_of_order(std::int32_t order) {
  return float_of(static_cast<std::uint32_t>(order ^ ((order >> 31) & 0x7fffffff)));
}
constexpr std::int32_t kLargestOrder = 0x7f7fffff;       // of the largest finite float
constexpr std::int32_t kSmallestOrder = ~kLargestOrder;  // of its negative

struct Extremes {
  float min, max;
};
// Of the finite elements; the rare block that holds others is gone through again.
Extremes finite_extremes(const float* x) {
  Extremes e{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  for (int i = 0; i < kBlock; ++i) {
    if (!std::isfinite(x[i])) continue;
    e.min = std::min(e.min, x[i]);
    e.max = std::max(e.max, x[i]);
  }
  return e.min <= e.max ? e : Extremes{0.0f, 0.0f};
}
BITJOULE_INLINE Extremes extremes(const float* x) {
  std::int32_t low = std::numeric_limits<std::int32_t>::max(), high = ~low;
  for (int i = 0; i < kBlock; ++i) {
    const std::int32_t order = order_of(x[i]);
    low = order < low ? order : low;
    high = order > high ? order : high;
  }
  if (low < kSmallestOrder || high > kLargestOrder) return finite_extremes(x);
  return {value_of_order(low), value_of_order(high)};
}

// The element of largest magnitude, with its sign; of equals, the first.
BITJOULE_INLINE float signed_extreme(const float* x, const Extremes& e) {
  if (e.max == -e.min) {
    for (int i = 0; i < kBlock; ++i) {
      if (x[i] == e.max || x[i] == e.min) return x[i];
    }
  }
  // The sign is random: a branch would be mispredicted half the time.
  return float_of(select(e.max > -e.min, bits_of(e.max), bits_of(e.min)));
}

// (x - base) * factor + offset, kept in 0..hi + 0.5 so that truncation gives the code.
BITJOULE_INLINE void scale_up(const float* x, float base, float factor, float offset, int hi,
                              float* scaled) {
  const float top = static_cast<float>(hi) + 0.5f;
  for (int i = 0; i < kBlock; ++i) {
    float t = (x[i] - base) * factor + offset;
    t = t == t ? t : offset;
    t = t < 0.0f ? 0.0f : t;
    scaled[i] = t > top ? top : t;
  }
}

// Where the parts of a 4- or 5-bit block lie.
template <int Bits, bool HasMin>
struct Layout {
  static constexpr int kHigh = HasMin ? 4 : 2;  // fifth bits
  static constexpr int kNibbles = kHigh + (Bits == 5 ? 4 : 0);
  static constexpr int kBytes = kNibbles + kBlock / 2;
  static constexpr int kZero = HasMin ? 0 : 1 << (Bits - 1);
};

// Codes less the zero-point: element j from the low nibble of byte j, j + 16 from its high one, the
// fifth bit from bit j or j + 16 of the word before them.
template <int Bits, bool HasMin>
struct Codes {
  using L = Layout<Bits, HasMin>;
  BITJOULE_INLINE explicit Codes(const std::uint8_t* block) : nibbles(block + L::kNibbles) {
    if (Bits == 5) std::memcpy(&high, block + L::kHigh, sizeof high);
  }
  BITJOULE_INLINE std::int32_t low_half(int j) const {
    return static_cast<std::int32_t>((nibbles[j] & 15u) | (((high >> j) & 1) << 4)) - L::kZero;
  }
  BITJOULE_INLINE std::int32_t high_half(int j) const {
    return static_cast<std::int32_t>((nibbles[j] >> 4) | (((high >> (j + 16)) & 1) << 4)) -
           L::kZero;
  }
  const std::uint8_t* nibbles;
  std::uint32_t high = 0;
};

template <int Bits, bool HasMin>
BITJOULE_INLINE void decode_blocks(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  using L = Layout<Bits, HasMin>;
  for (std::int64_t b = 0; b < blocks; ++b, bytes += L::kBytes, y += kBlock) {
    const Codes<Bits, HasMin> q(bytes);
    const float d = decode_fp16(load16(bytes));
    const float m = HasMin ? decode_fp16(load16(bytes + 2)) : 0.0f;
    for (int j = 0; j < kBlock / 2; ++j) {
      const float scaled = static_cast<float>(q.low_half(j)) * d;
      y[j] = HasMin ? scaled + m : scaled;
    }
    for (int j = 0; j < kBlock / 2; ++j) {
      const float scaled = static_cast<float>(q.high_half(j)) * d;
      y[j + kBlock / 2] = HasMin ? scaled + m : scaled;
    }
  }
}

// Scales are worked out for several blocks at once: the steps of one block depend on each other,
// those of different blocks do not.
constexpr int kBatch = 32;
struct Batch {
  float low[kBatch];
  float d[kBatch], inverse[kBatch];  // the scale and 1 / scale, 0 for a scale of 0
  std::uint16_t stored[kBatch];      // fp16 of d
};

BITJOULE_INLINE void finish_scales(int count, Batch& batch) {
  for (int b = 0; b < count; ++b) {
    const float d = batch.d[b];
    batch.inverse[b] = float_of(select(d != 0.0f, bits_of(1.0f / d), 0));
  }
  for (int b = 0; b < count; ++b) batch.stored[b] = encode_fp16_scale(batch.d[b]);
}

template <int Bits, bool HasMin>
BITJOULE_INLINE void encode_batch(const float* x, int count, std::uint8_t* bytes) {
  using L = Layout<Bits, HasMin>;
  constexpr int kTop = (1 << Bits) - 1;
  Batch batch;
  for (int b = 0; b < count; ++b) {
    const Extremes e = extremes(x + b * kBlock);
    batch.low[b] = e.min;
    batch.d[b] = HasMin ? (e.max - e.min) / static_cast<float>(kTop)
                        : signed_extreme(x + b * kBlock, e) / static_cast<float>(-L::kZero);
  }
  finish_scales(count, batch);
  for (int b = 0; b < count; ++b, x += kBlock, bytes += L::kBytes) {
    store16(bytes, batch.stored[b]);
    if (HasMin) store16(bytes + 2, encode_fp16_scale(batch.low[b]));
    float scaled[kBlock];
    scale_up(x, HasMin ? batch.low[b] : 0.0f, batch.inverse[b], static_cast<float>(L::kZero) + 0.5f,
             kTop, scaled);
    std::uint8_t nibbles[kBlock / 2];
    for (int j = 0; j < kBlock / 2; ++j) {
      const auto low = static_cast<std::int32_t>(scaled[j]);
      const auto high = static_cast<std::int32_t>(scaled[j + kBlock / 2]);
      nibbles[j] = static_cast<std::uint8_t>((low & 15) | (high << 4));
    }
    std::memcpy(bytes + L::kNibbles, nibbles, sizeof nibbles);
    if (Bits == 5) {
      std::uint32_t high = 0;
      for (int i = 0; i < kBlock; ++i) {
        high |= (static_cast<std::uint32_t>(static_cast<std::int32_t>(scaled[i])) >> 4) << i;
      }
      std::memcpy(bytes + L::kHigh, &high, sizeof high);
    }
  }
}

template <int Bits, bool HasMin>
BITJOULE_INLINE void encode_blocks(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; b += kBatch) {
    const int count = static_cast<int>(blocks - b < kBatch ? blocks - b : kBatch);
    encode_batch<Bits, HasMin>(x + b * kBlock, count, bytes + b * Layout<Bits, HasMin>::kBytes);
  }
}

template <int Bits, bool HasMin>
void block_codes(const std::uint8_t* block, std::int16_t* integers) {
  const Codes<Bits, HasMin> q(block);
  for (int j = 0; j < kBlock / 2; ++j) {
    integers[j] = static_cast<std::int16_t>(q.low_half(j));
    integers[j + kBlock / 2] = static_cast<std::int16_t>(q.high_half(j));
  }
}

float block_scale(const std::uint8_t* block, int) { return decode_fp16(load16(block)); }
float block_min(const std::uint8_t* block, int) { return decode_fp16(load16(block + 2)); }

BITJOULE_VECTORIZE void encode_q4_0(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  encode_blocks<4, false>(x, blocks, bytes);
}
BITJOULE_VECTORIZE void decode_q4_0(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  decode_blocks<4, false>(bytes, blocks, y);
}
BITJOULE_VECTORIZE void encode_q4_1(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  encode_blocks<4, true>(x, blocks, bytes);
}
BITJOULE_VECTORIZE void decode_q4_1(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  decode_blocks<4, true>(bytes, blocks, y);
}
BITJOULE_VECTORIZE void encode_q5_0(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  encode_blocks<5, false>(x, blocks, bytes);
}
BITJOULE_VECTORIZE void decode_q5_0(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  decode_blocks<5, false>(bytes, blocks, y);
}
BITJOULE_VECTORIZE void encode_q5_1(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  encode_blocks<5, true>(x, blocks, bytes);
}
BITJOULE_VECTORIZE void decode_q5_1(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  decode_blocks<5, true>(bytes, blocks, y);
}

constexpr int kQ8Bytes = 34;

BITJOULE_INLINE void quantize_q8(const float* x, float inverse, std::uint8_t* q) {
  float clamped[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    float t = x[i] * inverse;
    t = t == t ? t : 0.0f;
    t = t < -127.0f ? -127.0f : t;
    clamped[i] = t > 127.0f ? 127.0f : t;
  }
  for (int i = 0; i < kBlock; ++i) {
    // roundf, half away from zero: what truncation loses is exact.
    const auto whole = static_cast<std::int32_t>(clamped[i]);
    const float rest = clamped[i] - static_cast<float>(whole);
    q[i] = static_cast<std::uint8_t>(whole + static_cast<std::int32_t>(rest + rest));
  }
}

BITJOULE_VECTORIZE void encode_q8_0(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  Batch batch;
  for (std::int64_t start = 0; start < blocks; start += kBatch) {
    const int count = static_cast<int>(blocks - start < kBatch ? blocks - start : kBatch);
    for (int b = 0; b < count; ++b) {
      const Extremes e = extremes(x + b * kBlock);
      // A magnitude: of zeros it is 0, not -0.
      batch.d[b] = (e.max > -e.min ? e.max : -e.min) / 127.0f + 0.0f;
    }
    finish_scales(count, batch);
    for (int b = 0; b < count; ++b, x += kBlock, bytes += kQ8Bytes) {
      std::uint8_t q[kBlock];
      quantize_q8(x, batch.inverse[b], q);
      store16(bytes, batch.stored[b]);
      std::memcpy(bytes + 2, q, sizeof q);
    }
  }
}

BITJOULE_VECTORIZE void decode_q8_0(const std::uint8_t* bytes, std::int64_t blocks, float* y) {
  for (std::int64_t b = 0; b < blocks; ++b, bytes += kQ8Bytes, y += kBlock) {
    const float d = decode_fp16(load16(bytes));
    for (int i = 0; i < kBlock; ++i) {
      y[i] = static_cast<float>((bytes[2 + i] ^ 128) - 128) * d;
    }
  }
}

void codes_q8_0(const std::uint8_t* block, std::int16_t* integers) {
  for (int i = 0; i < kBlock; ++i)
    integers[i] = static_cast<std::int16_t>((block[2 + i] ^ 128) - 128);
}

}  // namespace

const BlockCodec kClassicBlocks[5] = {
    {"q4_0", encode_q4_0, decode_q4_0, block_codes<4, false>, block_scale, nullptr},
    {"q4_1", encode_q4_1, decode_q4_1, block_codes<4, true>, block_scale, block_min},
    {"q5_0", encode_q5_0, decode_q5_0, block_codes<5, false>, block_scale, nullptr},
    {"q5_1", encode_q5_1, decode_q5_1, block_codes<5, true>, block_scale, block_min},
    {"q8_0", encode_q8_0, decode_q8_0, codes_q8_0, block_scale, nullptr},
};

const BlockCodec& find_block_codec(const std::string& format) {
  const auto find = [&format](const auto& rows) -> const BlockCodec* {
    for (const BlockCodec& row : rows)
      if (format == row.format) return &row;
    return nullptr;
  };
  for (const BlockCodec* row :
       {find(kClassicBlocks), find(kSuperBlocks), find(kTernaryBlocks), find(kTableBlocks)})
    if (row != nullptr) return *row;
  if (!find_format(format).has_values)
    throw input_error(format +
                      " is timed and its bytes are counted, but its tables of values are not "
                      "known here: choose values: off, or another format");
  throw internal_error("no block codec for " + format);
}

}  // namespace bitjoule
