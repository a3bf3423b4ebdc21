// q2_k, q3_k, q4_k, q5_k, q6_k: super-blocks of 256 elements in groups of 16 or 32. A group's scale
// is d times a small integer; its minimum likewise dmin times one. All products are taken in fp32,
// as dequantize_row_*_K does.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/numeric/float_codec.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/ggml_importance.h"
#include "core/numeric/ggml_k_search.h"
#include "core/numeric/statistics.h"
#include "core/numeric/vectorize.h"

namespace bitjoule {
namespace {

constexpr int kSuper = 256;

// A super-block with its fields taken apart.
struct Super {
  std::uint16_t d = 0, dmin = 0;  // fp16
  int scales[16] = {};            // zero folded in: q3_k -32..31
  int mins[16] = {};
  std::uint8_t q[kSuper] = {};  // as stored, without the zero-point
};

// Two bits of each element: element e lies in byte e / 128 * 32 + e % 32, at bit 2 * (e / 32 % 4).
int byte_of(int e) { return e / 128 * 32 + e % 32; }
int bit_of(int e) { return 2 * (e / 32 % 4); }
void or_bits(std::uint8_t& byte, int bits) { byte = static_cast<std::uint8_t>(byte | bits); }

// Nibbles of q4_k and q5_k: the low ones of 32 bytes, then the high ones of the same 32.
int nibble_byte(int e) { return e / 64 * 32 + e % 32; }
int nibble_shift(int e) { return e / 32 % 2 * 4; }

// q2_k: scales[16] (scale | min << 4), qs[64], d, dmin
void scales_q2(const std::uint8_t* b, Super& s) {
  for (int g = 0; g < 16; ++g) {
    s.scales[g] = b[g] & 15;
    s.mins[g] = b[g] >> 4;
  }
  s.d = load16(b + 80);
  s.dmin = load16(b + 82);
}
void codes_q2(const std::uint8_t* b, Super& s) {
  for (int e = 0; e < kSuper; ++e) s.q[e] = (b[16 + byte_of(e)] >> bit_of(e)) & 3;
}
void write_q2(const Super& s, std::uint8_t* b) {
  for (int g = 0; g < 16; ++g) b[g] = static_cast<std::uint8_t>(s.scales[g] | (s.mins[g] << 4));
  for (int e = 0; e < kSuper; ++e) or_bits(b[16 + byte_of(e)], s.q[e] << bit_of(e));
  store16(b + 80, s.d);
  store16(b + 82, s.dmin);
}

// q3_k: hmask[32], qs[64], scales[12], d. The third bit of element e is bit e / 32 of hmask[e %
// 32]. Scales: low nibbles of 0..7 and 8..15 share bytes 0..7, two high bits each in bytes 8..11.
void scales_q3(const std::uint8_t* b, Super& s) {
  const std::uint8_t* packed = b + 96;
  for (int g = 0; g < 16; ++g) {
    const int low = (packed[g % 8] >> (g / 8 * 4)) & 15;
    const int high = (packed[8 + g % 4] >> (g / 4 * 2)) & 3;
    s.scales[g] = (low | (high << 4)) - 32;
  }
  s.d = load16(b + 108);
}
void codes_q3(const std::uint8_t* b, Super& s) {
  for (int e = 0; e < kSuper; ++e) {
    const int high = (b[e % 32] >> (e / 32)) & 1;
    s.q[e] = static_cast<std::uint8_t>(((b[32 + byte_of(e)] >> bit_of(e)) & 3) | (high << 2));
  }
}
void write_q3(const Super& s, std::uint8_t* b) {
  std::uint8_t* packed = b + 96;
  for (int g = 0; g < 16; ++g) {
    const int stored = s.scales[g] + 32;
    or_bits(packed[g % 8], (stored & 15) << (g / 8 * 4));
    or_bits(packed[8 + g % 4], (stored >> 4) << (g / 4 * 2));
  }
  for (int e = 0; e < kSuper; ++e) {
    or_bits(b[e % 32], (s.q[e] >> 2) << (e / 32));
    or_bits(b[32 + byte_of(e)], (s.q[e] & 3) << bit_of(e));
  }
  store16(b + 108, s.d);
}

// The 12 bytes of eight 6-bit scales and minima of q4_k and q5_k.
void read_scales6(const std::uint8_t* p, Super& s) {
  for (int g = 0; g < 4; ++g) {
    s.scales[g] = p[g] & 63;
    s.mins[g] = p[g + 4] & 63;
    s.scales[g + 4] = (p[g + 8] & 15) | ((p[g] >> 6) << 4);
    s.mins[g + 4] = (p[g + 8] >> 4) | ((p[g + 4] >> 6) << 4);
  }
}
void write_scales6(const Super& s, std::uint8_t* p) {
  for (int g = 0; g < 4; ++g) {
    p[g] = static_cast<std::uint8_t>(s.scales[g] | ((s.scales[g + 4] >> 4) << 6));
    p[g + 4] = static_cast<std::uint8_t>(s.mins[g] | ((s.mins[g + 4] >> 4) << 6));
    p[g + 8] = static_cast<std::uint8_t>((s.scales[g + 4] & 15) | ((s.mins[g + 4] & 15) << 4));
  }
}

// q4_k: d, dmin, scales[12], qs[128]
void scales_q45(const std::uint8_t* b, Super& s) {
  s.d = load16(b);
  s.dmin = load16(b + 2);
  read_scales6(b + 4, s);
}
void codes_q4(const std::uint8_t* b, Super& s) {
  for (int e = 0; e < kSuper; ++e) s.q[e] = (b[16 + nibble_byte(e)] >> nibble_shift(e)) & 15;
}
void write_q4(const Super& s, std::uint8_t* b) {
  store16(b, s.d);
  store16(b + 2, s.dmin);
  write_scales6(s, b + 4);
  for (int e = 0; e < kSuper; ++e) or_bits(b[16 + nibble_byte(e)], s.q[e] << nibble_shift(e));
}

// q5_k: d, dmin, scales[12], qh[32], qs[128]; the fifth bit of element e is bit e / 32 of qh[e %
// 32]
void codes_q5(const std::uint8_t* b, Super& s) {
  for (int e = 0; e < kSuper; ++e) {
    const int low = (b[48 + nibble_byte(e)] >> nibble_shift(e)) & 15;
    const int high = (b[16 + e % 32] >> (e / 32)) & 1;
    s.q[e] = static_cast<std::uint8_t>(low | (high << 4));
  }
}
void write_q5(const Super& s, std::uint8_t* b) {
  store16(b, s.d);
  store16(b + 2, s.dmin);
  write_scales6(s, b + 4);
  for (int e = 0; e < kSuper; ++e) {
    or_bits(b[48 + nibble_byte(e)], (s.q[e] & 15) << nibble_shift(e));
    or_bits(b[16 + e % 32], (s.q[e] >> 4) << (e / 32));
  }
}

// q6_k: ql[128], qh[64], int8 scales[16], d. In each half of 128 elements, byte l of ql holds the
// low nibbles of elements l and l + 64; two high bits each lie in qh as the bits of q2_k do.
int q6_byte(int e) { return e / 128 * 64 + e % 64; }
int q6_shift(int e) { return e / 64 % 2 * 4; }
void codes_q6(const std::uint8_t* b, Super& s) {
  for (int e = 0; e < kSuper; ++e) {
    const int low = (b[q6_byte(e)] >> q6_shift(e)) & 15;
    const int high = (b[128 + byte_of(e)] >> bit_of(e)) & 3;
    s.q[e] = static_cast<std::uint8_t>(low | (high << 4));
  }
}
void scales_q6(const std::uint8_t* b, Super& s) {
  for (int g = 0; g < 16; ++g) s.scales[g] = (b[192 + g] ^ 128) - 128;
  s.d = load16(b + 208);
}
void write_q6(const Super& s, std::uint8_t* b) {
  for (int e = 0; e < kSuper; ++e) {
    or_bits(b[q6_byte(e)], (s.q[e] & 15) << q6_shift(e));
    or_bits(b[128 + byte_of(e)], (s.q[e] >> 4) << bit_of(e));
  }
  for (int g = 0; g < 16; ++g) b[192 + g] = static_cast<std::uint8_t>(s.scales[g]);
  store16(b + 208, s.d);
}

// One row per format; the codecs below are instances over it.
struct KQuant {
  int bytes, bits, group;
  bool has_min;
  int scale_top;     // largest sub-scale; the smallest is 0, or -scale_top - 1 without minima
  MinSearch search;  // with minima
  void (*read_scales)(const std::uint8_t*, Super&);
  void (*read_codes)(const std::uint8_t*, Super&);
  void (*write)(const Super&, std::uint8_t*);

  constexpr int zero() const { return has_min ? 0 : 1 << (bits - 1); }
  constexpr int top() const { return (1 << bits) - 1; }
};
constexpr KQuant kQ2{84, 2, 16, true, 15, {3, -0.5f, 15, false}, scales_q2, codes_q2, write_q2};
constexpr KQuant kQ3{110, 3, 16, false, 31, {}, scales_q3, codes_q3, write_q3};
constexpr KQuant kQ4{144, 4, 32, true, 63, {15, -1.0f, 20, true}, scales_q45, codes_q4, write_q4};
constexpr KQuant kQ5{176, 5, 32, true, 63, {31, -0.5f, 15, true}, scales_q45, codes_q5, write_q5};
constexpr KQuant kQ6{210, 6, 16, false, 127, {}, scales_q6, codes_q6, write_q6};

float group_scale(const Super& s, int g) {
  return decode_fp16(s.d) * static_cast<float>(s.scales[g]);
}
float group_min(const Super& s, int g) {
  return -(decode_fp16(s.dmin) * static_cast<float>(s.mins[g]));
}

// NaN becomes 0, infinities the block's largest finite magnitude.
void copy_finite(const float* x, float* finite) {
  const float largest = abs_max(x, kSuper);
  for (int i = 0; i < kSuper; ++i) {
    finite[i] = std::isnan(x[i]) ? 0.0f : std::clamp(x[i], -largest, largest);
  }
}

/// Scales of at least 0, or minima, as integers of 0..top times a common fp16 factor.
void store_positive(const float* exact, int groups, int top, std::uint16_t& factor, int* integers) {
  const float largest = std::max(0.0f, *std::max_element(exact, exact + groups));
  const auto steps = static_cast<float>(top);
  const float inverse = largest > 0 ? steps / largest : 0.0f;
  for (int g = 0; g < groups; ++g)
    integers[g] = std::clamp(nearest_code(inverse * exact[g]), 0, top);
  factor = encode_fp16_scale(largest / steps);
}

/// Scales of either sign; the extreme becomes -top - 1. Where all are 0 so is the factor.
void store_signed(const float* exact, int groups, int top, std::uint16_t& factor, int* integers) {
  float largest = 0, extreme = 0;
  for (int g = 0; g < groups; ++g)
    if (std::fabs(exact[g]) > largest) {
      largest = std::fabs(exact[g]);
      extreme = exact[g];
    }
  if (extreme == 0) {
    std::fill(integers, integers + groups, -top - 1);
    return;
  }
  const float inverse = static_cast<float>(-top - 1) / extreme;
  for (int g = 0; g < groups; ++g)
    integers[g] = std::clamp(nearest_code(inverse * exact[g]), -top - 1, top);
  factor = encode_fp16_scale(1 / inverse);
}

/// Scales, minima and first codes of all groups.
void search_groups(const KQuant& f, const float* x, float* scales, float* mins, std::uint8_t* q) {
  GroupBatch batch;
  for (int first = 0; first < kSuper / f.group; first += kGroupLanes) {
    const int start = first * f.group;
    for (int g = 0; g < kGroupLanes; ++g)
      for (int i = 0; i < f.group; ++i) batch.x[i][g] = x[start + g * f.group + i];
    if (f.has_min)
      search_scale_and_min(f.search, f.group, batch);
    else
      (f.bits == 3 ? descend_scale : search_scale)(f.group, f.zero(), batch);
    for (int g = 0; g < kGroupLanes; ++g) {
      scales[first + g] = batch.scale[g];
      if (f.has_min) mins[first + g] = batch.min[g];
      for (int i = 0; i < f.group; ++i) q[start + g * f.group + i] = batch.codes[i][g];
    }
  }
}

/// Codes for the scales as they are stored; those of groups without a scale stay.
void round_codes(const KQuant& f, const float* x, Super& s) {
  for (int g = 0; g < kSuper / f.group; ++g) {
    const float scale = group_scale(s, g), min = f.has_min ? group_min(s, g) : 0.0f;
    if (scale == 0) continue;
    for (int e = g * f.group; e < (g + 1) * f.group; ++e)
      s.q[e] = static_cast<std::uint8_t>(
          std::clamp(nearest_code((x[e] - min) / scale) + f.zero(), 0, f.top()));
  }
}

/// What the error of each element counts, as llama.cpp weighs it.
void weigh(const KQuant& f, const float* x, const float* importance, float* weights) {
  float squares = 0;
  for (int e = 0; e < kSuper; ++e) squares += x[e] * x[e];
  const float mean = (f.bits == 2 ? squares : 2 * squares) / static_cast<float>(kSuper);
  for (int e = 0; e < kSuper; ++e)
    weights[e] = f.bits == 6 ? importance[e] : importance[e] * std::sqrt(mean + x[e] * x[e]);
}

/// Scales, minima and first codes where errors have weights, and the scales' and minima's integers,
/// for which a group counts as much as its elements together.
void search_weighted(const KQuant& f, const float* x, const float* importance, float* scales,
                     Super& s) {
  float weights[kSuper], mins[16] = {}, sums[16] = {};
  weigh(f, x, importance, weights);
  const int groups = kSuper / f.group;
  for (int g = 0; g < groups; ++g) {
    const float *part = x + g * f.group, *w = weights + g * f.group;
    const WeightedFit fit =
        f.has_min ? fit_range(part, w, f.group, f.top()) : fit_scale(part, w, f.group, f.zero());
    scales[g] = fit.scale;
    mins[g] = -fit.min;
    for (int i = 0; i < f.group; ++i) sums[g] += w[i];
    std::copy_n(fit.codes.begin(), f.group, s.q + g * f.group);
  }
  if (f.has_min) {
    s.d = encode_fp16_scale(fit_positive(scales, sums, groups, f.scale_top, s.scales));
    s.dmin = encode_fp16_scale(fit_positive(mins, sums, groups, f.scale_top, s.mins));
  } else if (f.bits == 3) {
    const WeightedFit fit = fit_scale(scales, sums, groups, f.scale_top + 1);
    s.d = encode_fp16_scale(fit.scale);
    for (int g = 0; g < groups; ++g) s.scales[g] = fit.codes[g] - f.scale_top - 1;
  } else {
    store_signed(scales, groups, f.scale_top, s.d, s.scales);
  }
}

void search_unweighted(const KQuant& f, const float* x, float* scales, Super& s) {
  const int groups = kSuper / f.group;
  float mins[16] = {};
  search_groups(f, x, scales, mins, s.q);
  if (f.has_min) {
    store_positive(scales, groups, f.scale_top, s.d, s.scales);
    store_positive(mins, groups, f.scale_top, s.dmin, s.mins);
  } else {
    store_signed(scales, groups, f.scale_top, s.d, s.scales);
  }
}

/// By importance where there is one.
void encode_super(const KQuant& f, const float* x, const float* importance, std::uint8_t* bytes) {
  float finite[kSuper], scales[16] = {};
  copy_finite(x, finite);
  Super s;
  if (importance != nullptr)
    search_weighted(f, finite, importance, scales, s);
  else
    search_unweighted(f, finite, scales, s);
  std::fill(bytes, bytes + f.bytes, std::uint8_t{0});
  // Scales below 1e-15 leave all bytes of q6_k zero, as in GGML.
  const auto is_zero = [](float scale) { return std::fabs(scale) < 1e-15f; };
  if (f.bits == 6 && std::all_of(scales, scales + kSuper / f.group, is_zero)) return;
  round_codes(f, finite, s);
  f.write(s, bytes);
}

template <const KQuant& Quant>
void encode(const float* x, std::int64_t blocks, std::uint8_t* bytes) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    encode_super(Quant, x + b * kSuper, nullptr, bytes + b * Quant.bytes);
  }
}

template <const KQuant& Quant>
void decode(const std::uint8_t* bytes, std::int64_t blocks, float* values) {
  for (std::int64_t b = 0; b < blocks; ++b, values += kSuper) {
    Super s;
    Quant.read_scales(bytes + b * Quant.bytes, s);
    Quant.read_codes(bytes + b * Quant.bytes, s);
    for (int start = 0; start < kSuper; start += Quant.group) {
      const float scale = group_scale(s, start / Quant.group);
      const float min = group_min(s, start / Quant.group);
      for (int e = start; e < start + Quant.group; ++e) {
        const float scaled = scale * static_cast<float>(s.q[e] - Quant.zero());
        values[e] = Quant.has_min ? scaled + min : scaled;
      }
    }
  }
}

// The commonest has a loop of its own: both nibbles of 32 bytes in turn.
BITJOULE_VECTORIZE void decode_q4(const std::uint8_t* bytes, std::int64_t blocks, float* values) {
  for (std::int64_t b = 0; b < blocks; ++b, bytes += kQ4.bytes) {
    Super s;
    scales_q45(bytes, s);
    const float d = decode_fp16(s.d), dmin = decode_fp16(s.dmin);
    for (int part = 0; part < 4; ++part, values += 64) {
      const std::uint8_t* q = bytes + 16 + 32 * part;
      const float scale0 = d * static_cast<float>(s.scales[2 * part]);
      const float scale1 = d * static_cast<float>(s.scales[2 * part + 1]);
      const float min0 = dmin * static_cast<float>(s.mins[2 * part]);
      const float min1 = dmin * static_cast<float>(s.mins[2 * part + 1]);
      for (int i = 0; i < 32; ++i) values[i] = scale0 * static_cast<float>(q[i] & 15) - min0;
      for (int i = 0; i < 32; ++i) values[32 + i] = scale1 * static_cast<float>(q[i] >> 4) - min1;
    }
  }
}

template <const KQuant& Quant>
void codes(const std::uint8_t* block, std::int16_t* integers) {
  Super s;
  Quant.read_codes(block, s);
  for (int e = 0; e < kSuper; ++e) {
    integers[e] = static_cast<std::int16_t>(s.q[e] - Quant.zero());
  }
}

template <const KQuant& Quant>
float scale(const std::uint8_t* block, int group) {
  Super s;
  Quant.read_scales(block, s);
  return group_scale(s, group);
}

template <const KQuant& Quant>
float min(const std::uint8_t* block, int group) {
  Super s;
  Quant.read_scales(block, s);
  return group_min(s, group);
}

// As the rows of kSuperBlocks.
const KQuant* const kQuants[5] = {&kQ2, &kQ3, &kQ4, &kQ5, &kQ6};

const KQuant* find_k_quant(const std::string& format) {
  for (int i = 0; i < 5; ++i)
    if (format == kSuperBlocks[i].format) return kQuants[i];
  return nullptr;
}

}  // namespace

bool is_k_quant(const std::string& format) { return find_k_quant(format) != nullptr; }

void add_k_quant_row(const std::string& format, const float* x, std::int64_t k,
                     const float* importance, std::vector<std::uint8_t>& bytes) {
  const KQuant* f = find_k_quant(format);
  if (f == nullptr || k % kSuper != 0) throw internal_error(format + ": no super-blocks of 256");
  std::uint8_t block[256];
  for (std::int64_t first = 0; first < k; first += kSuper) {
    encode_super(*f, x + first, importance + first, block);
    bytes.insert(bytes.end(), block, block + f->bytes);
  }
}

const BlockCodec kSuperBlocks[5] = {
    {"q2_k", encode<kQ2>, decode<kQ2>, codes<kQ2>, scale<kQ2>, min<kQ2>},
    {"q3_k", encode<kQ3>, decode<kQ3>, codes<kQ3>, scale<kQ3>, nullptr},
    {"q4_k", encode<kQ4>, decode_q4, codes<kQ4>, scale<kQ4>, min<kQ4>},
    {"q5_k", encode<kQ5>, decode<kQ5>, codes<kQ5>, scale<kQ5>, min<kQ5>},
    {"q6_k", encode<kQ6>, decode<kQ6>, codes<kQ6>, scale<kQ6>, nullptr},
};

}  // namespace bitjoule
