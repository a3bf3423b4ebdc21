// Affine integers: scales, zero-points, codes, packing and sizes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::integer_tensor_test {
namespace {

TensorFormat affine(const std::string& name, Granularity granularity, bool symmetric = true,
                    std::int64_t group = 128, const std::string& scale = "fp32",
                    const std::string& zero = "packed") {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  f.group_size = group;
  f.symmetric = symmetric;
  f.scale = scale;
  f.zero_point = zero;
  return f;
}

std::vector<float> normal(std::size_t n, unsigned seed, float mean = 0) {
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution(mean, 1.0f);
  std::vector<float> x(n);
  for (float& v : x) v = distribution(random);
  return x;
}

}  // namespace

TEST_CASE("int8 symmetric: scale = max / 127, half-even, narrow range, by hand") {
  const float x[] = {127, -127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 3};
  const auto t = QuantizedTensor::quantize(affine("int8", Granularity::kPerTensor), x, 1, 8);
  CHECK(t.scale(0, 0) == 1.0f);
  std::int16_t q[8];
  t.codes(0, 0, 8, q);
  const std::int16_t expected[] = {127, -127, 0, 2, 2, 0, -2, 3};
  for (int i = 0; i < 8; ++i) CHECK(q[i] == expected[i]);
  CHECK(t.bytes().size() == 8 + 4);
  CHECK(t.bytes()[1] == 0x81);  // -127
}

TEST_CASE("uint4 asymmetric (GPTQ): scale, zero-point and packed nibbles by hand") {
  // min -1, max 2: scale 3 / 15 = 0.2, zero = round(1 / 0.2) = 5.
  const float x[] = {-1, 2, 0, 0.2f};
  const auto t =
      QuantizedTensor::quantize(affine("uint4", Granularity::kPerChannel, false), x, 1, 4);
  CHECK(t.scale(0, 0) == 0.2f);
  CHECK(t.zero_point(0, 0) == 5);
  // Codes 0, 15, 5, 6, low nibble first; the fp32 scale; the zero-point stored less one (GPTQ).
  CHECK(t.bytes()[0] == 0xf0);
  CHECK(t.bytes()[1] == 0x65);
  CHECK(t.bytes()[6] == 4);
  CHECK(t.bytes().size() == 2 + 4 + 1);
  float y[4];
  t.decode(y);
  CHECK(y[0] == 0.2f * -5.0f);
  CHECK(y[1] == 0.2f * 10.0f);
  CHECK(y[2] == 0.0f);
  CHECK(y[3] == 0.2f);
}

TEST_CASE(
    "uint4 as AutoAWQ packs it: plain zero-points, interleaved over eight channels, by hand") {
  // Channels 0..7 in two groups of two elements; min -z and max 15 - z give scale 1 and zero z.
  const int zeros[2][8] = {{1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 13, 14, 15, 0}};
  std::vector<float> x;
  for (const int channel : {0, 1, 2, 3, 4, 5, 6, 7})
    for (const auto& group : zeros) {
      x.push_back(static_cast<float>(-group[channel]));
      x.push_back(static_cast<float>(15 - group[channel]));
    }
  const TensorFormat f = affine("uint4", Granularity::kPerGroup, false, 2, "fp16", "packed_awq");
  const auto t = QuantizedTensor::quantize(f, x.data(), 8, 4);
  for (std::int64_t row = 0; row < 8; ++row)
    for (std::int64_t group = 0; group < 2; ++group)
      CHECK(t.zero_point(row, 2 * group) == zeros[group][row]);
  std::vector<float> y(x.size());
  t.decode(y.data());
  CHECK(x == y);
  // Codes 2 bytes and scales 2 x 2 bytes a channel, then a word per group. Its nibbles from the
  // lowest are channels 0, 2, 4, 6, 1, 3, 5, 7: 1 3 5 7 2 4 6 8 and 9 b d f a c e 0.
  REQUIRE(t.bytes().size() == 8 * 2 + 8 * 4 + 2 * 4);
  const std::uint32_t words[] = {0x86427531, 0x0eca'fdb9};
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(t.bytes()[48 + i] == ((words[i / 4] >> (i % 4 * 8)) & 255));
  // What a file holds is taken as it is.
  const auto stored = QuantizedTensor::from_stored(f, t.bytes(), 8, 4);
  CHECK(stored.zero_point(1, 0) == 2);
  CHECK(stored.zero_point(6, 3) == 15);
  // Rows that do not fill a word pad it; sizes as AutoAWQ's qzeros have them.
  CHECK(region_bytes(storage_layout(f), 9, 4).zero_points == 2 * 2 * 4);
  CHECK_THROWS_WITH_AS(
      storage_layout(affine("int8", Granularity::kPerGroup, false, 2, "fp16", "packed_awq")),
      doctest::Contains("words of eight uint4, the format is int8"), Error);
  CHECK_THROWS_WITH_AS(
      storage_layout(affine("uint4", Granularity::kPerTensor, false, 2, "fp16", "packed_awq")),
      doctest::Contains("choose granularity per_group or per_channel"), Error);
}

TEST_CASE("asymmetric zero-points are rounded, unused bits are zero") {
  // Range 3.4 in 15 steps: 1 / (3.4 / 15) = 4.41.
  const float x[] = {-1, 2.4f};
  CHECK(QuantizedTensor::quantize(affine("uint4", Granularity::kPerChannel, false), x, 1, 2)
            .zero_point(0, 0) == 4);
  // Five 3-bit codes of -3 (101) fill 15 bits.
  const float y[] = {-3, -3, -3, -3, -3};
  const auto t = QuantizedTensor::quantize(affine("int3", Granularity::kPerChannel), y, 1, 5);
  CHECK(t.bytes()[0] + 256 * t.bytes()[1] == 0b101101101101101);
}

TEST_CASE("affine integers: every width, granularity and storage against the formula") {
  constexpr std::int64_t kRows = 3, kK = 37;
  const std::vector<float> x = normal(kRows * kK, 1, 0.3f);
  for (int bits : {2, 3, 4, 5, 6, 7, 8, 16}) {
    for (bool is_signed : {true, false}) {
      for (bool symmetric : {true, false}) {
        for (Granularity g :
             {Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup}) {
          for (const char* scale : {"fp32", "fp16", "bf16", "e8m0"}) {
            const std::string name = (is_signed ? "int" : "uint") + std::to_string(bits);
            const TensorFormat f = affine(name, g, symmetric, 10, scale);
            CAPTURE(name);
            CAPTURE(scale);
            CAPTURE(symmetric);
            const auto t = QuantizedTensor::quantize(f, x.data(), kRows, kK);
            std::vector<float> y(x.size());
            t.decode(y.data());
            const double lo = is_signed ? -std::exp2(bits - 1) : 0;
            const double hi = is_signed ? std::exp2(bits - 1) - 1 : std::exp2(bits) - 1;
            int wrong = 0;
            for (std::int64_t r = 0; r < kRows; ++r) {
              for (std::int64_t k = 0; k < kK; ++k) {
                const float s = t.scale(r, k);
                const int z = t.zero_point(r, k);
                const float v = x[static_cast<std::size_t>(r * kK + k)];
                const double narrow = symmetric && is_signed ? -hi : lo;
                const double q = std::min(std::max<double>(std::nearbyint(v / s) + z, narrow), hi);
                const float expected = s * static_cast<float>(q - z);
                wrong += y[static_cast<std::size_t>(r * kK + k)] != expected;
              }
            }
            CHECK(wrong == 0);
            if (symmetric) CHECK(t.zero_point(0, 0) == 0);
          }
        }
      }
    }
  }
}

TEST_CASE("affine integers: every code and zero-point decodes by the formula") {
  for (const Format& f : formats()) {
    if (f.cls != FormatClass::kInteger || f.mean_scale) continue;
    CAPTURE(f.name);
    const std::int64_t codes = std::int64_t{1} << f.bits;
    const TensorFormat format = affine(f.name, Granularity::kPerChannel, false);
    // All codes in order, a scale of 0.25, each zero-point (of the narrow formats).
    for (std::int64_t zero = f.min_code; zero <= f.max_code; zero += codes > 256 ? 4097 : 1) {
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(codes * f.bits / 8));
      for (std::int64_t bit = 0; bit < codes * f.bits; ++bit) {
        const std::int64_t code = bit / f.bits;
        if (((code >> (bit % f.bits)) & 1) == 0) continue;
        auto& byte = bytes[static_cast<std::size_t>(bit / 8)];
        byte = static_cast<std::uint8_t>(byte | (1 << (bit % 8)));
      }
      for (int b : {0x00, 0x00, 0x80, 0x3e}) bytes.push_back(static_cast<std::uint8_t>(b));
      // GPTQ: the unsigned zero-point less one.
      const std::int64_t stored = (zero - f.min_code - 1 + codes) % codes;
      bytes.push_back(static_cast<std::uint8_t>(stored & 255));
      if (f.bits > 8) bytes.push_back(static_cast<std::uint8_t>(stored >> 8));
      const auto t = QuantizedTensor::from_stored(format, bytes, 1, codes);
      std::vector<float> y(static_cast<std::size_t>(codes));
      t.decode(y.data());
      int wrong = t.zero_point(0, 0) == zero ? 0 : 1;
      for (std::int64_t code = 0; code < codes; ++code) {
        const std::int64_t value = f.is_signed && code >= codes / 2 ? code - codes : code;
        wrong += y[static_cast<std::size_t>(code)] != 0.25f * static_cast<float>(value - zero);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("affine integers: quantizing decoded values gives the same codes") {
  const std::vector<float> x = normal(4 * 64, 4);
  for (const Format& f : formats()) {
    if (f.cls != FormatClass::kInteger || !f.is_signed || f.bits > 8) continue;
    CAPTURE(f.name);
    const TensorFormat format = affine(f.name, Granularity::kPerGroup, true, 32);
    const auto once = QuantizedTensor::quantize(format, x.data(), 4, 64);
    std::vector<float> y(x.size());
    once.decode(y.data());
    const auto twice = QuantizedTensor::quantize(format, y.data(), 4, 64);
    std::vector<std::int16_t> a(64), b(64);
    for (std::int64_t row = 0; row < 4; ++row) {
      once.codes(row, 0, 64, a.data());
      twice.codes(row, 0, 64, b.data());
      CHECK(a == b);
    }
  }
}

TEST_CASE("affine integers: parts of a tensor decode as the whole does") {
  constexpr std::int64_t kRows = 2, kK = 1100;
  const std::vector<float> x = normal(kRows * kK, 2);
  for (const char* name : {"int3", "int4", "uint5", "int8", "int16"}) {
    const auto t = QuantizedTensor::quantize(affine(name, Granularity::kPerGroup, false, 7),
                                             x.data(), kRows, kK);
    std::vector<float> whole(x.size()), part(600);
    t.decode(whole.data());
    for (std::int64_t k0 : {0, 1, 3, 8, 499}) {
      t.decode_rows(1, 2, k0, k0 + 600, part.data());
      int wrong = 0;
      for (std::int64_t i = 0; i < 600; ++i) {
        wrong += part[static_cast<std::size_t>(i)] != whole[static_cast<std::size_t>(kK + k0 + i)];
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("affine integers: hostile values give finite results") {
  const float inf = std::numeric_limits<float>::infinity(), max = std::numeric_limits<float>::max();
  const float x[] = {NAN, inf, -inf, max, -max, 1e-45f, -0.0f, 1.0f};
  for (const char* name : {"int2", "int8", "uint8", "int16", "uint4"}) {
    for (bool symmetric : {true, false}) {
      for (const char* scale : {"fp32", "fp16", "e8m0"}) {
        const auto t = QuantizedTensor::quantize(
            affine(name, Granularity::kPerTensor, symmetric, 1, scale), x, 1, 8);
        float y[8];
        t.decode(y);
        for (float v : y) CHECK(!std::isnan(v));
        CHECK(t.scale(0, 0) > 0);
      }
    }
  }
  const float zeros[4] = {};
  const auto t = QuantizedTensor::quantize(affine("int8", Granularity::kPerTensor), zeros, 1, 4);
  float y[4];
  t.decode(y);
  for (float v : y) CHECK(v == 0);
}

TEST_CASE("stored bytes round-trip; a wrong size is refused") {
  const std::vector<float> x = normal(64, 3);
  const TensorFormat f = affine("int4", Granularity::kPerGroup, false, 32, "fp16", "fp16");
  const auto t = QuantizedTensor::quantize(f, x.data(), 2, 32);
  const auto u = QuantizedTensor::from_stored(f, t.bytes(), 2, 32);
  std::vector<float> a(64), b(64);
  t.decode(a.data());
  u.decode(b.data());
  CHECK(a == b);
  CHECK_THROWS_AS(QuantizedTensor::from_stored(f, std::vector<std::uint8_t>(3), 2, 32), Error);
  CHECK_THROWS_AS(QuantizedTensor::quantize(f, x.data(), 0, 32), Error);
  CHECK_THROWS_AS(QuantizedTensor::from_stored(f, {}, std::int64_t{1} << 40, std::int64_t{1} << 40),
                  Error);
}

TEST_CASE("effective bits of GPTQ, AWQ and per-channel int8") {
  constexpr std::int64_t kK = 4096, kRows = 4096;
  const auto bits = [&](const TensorFormat& f) {
    return effective_bits_per_weight(storage_layout(f), kRows, kK);
  };
  const auto group = Granularity::kPerGroup;
  CHECK(bits(affine("uint4", group, false, 128, "fp16", "packed")) == 4 + (16 + 4) / 128.0);
  CHECK(bits(affine("uint4", group, false, 128, "fp16", "packed_awq")) == 4 + (16 + 4) / 128.0);
  CHECK(bits(affine("uint4", group, false, 128, "fp16", "fp16")) == 4.25);
  CHECK(bits(affine("int8", Granularity::kPerChannel)) == 8 + 32.0 / kK);
  CHECK(bits(affine("int8", group, true, 64)) == 8.5);  // llama2.c
}

TEST_CASE("region bytes: rows padded to bytes, short groups have whole scales") {
  const StorageLayout int3 =
      storage_layout(affine("int3", Granularity::kPerGroup, true, 8, "fp16"));
  const RegionBytes r = region_bytes(int3, 5, 11);
  CHECK(r.codes == 5 * 5);       // 33 bits
  CHECK(r.scales == 5 * 2 * 2);  // groups of 8 and 3
  CHECK(r.zero_points == 0);
  const StorageLayout zeros = storage_layout(affine("int3", Granularity::kPerChannel, false));
  CHECK(region_bytes(zeros, 5, 8).zero_points == 2);  // 15 bits
  const StorageLayout tensor = storage_layout(affine("int8", Granularity::kPerTensor));
  CHECK(region_bytes(tensor, 4, 4).scales == 0);
  CHECK(tensor_bytes(tensor, 4, 4).scales == 4);
  CHECK(region_alignment(int3) == 8);
  CHECK(region_alignment(storage_layout(affine("int4", Granularity::kPerGroup, true, 5))) == 10);
}

TEST_CASE("unknown and impossible formats are refused with the valid names") {
  CHECK_THROWS_WITH_AS(storage_layout(affine("int9", Granularity::kPerTensor)),
                       doctest::Contains("unknown format \"int9\"; valid, nearest first: int2"),
                       Error);
  CHECK_THROWS_AS(storage_layout(affine("int8", Granularity::kPerGroup, true, 0)), Error);
  CHECK_THROWS_AS(storage_layout(affine("int8", Granularity::kPerTensor, true, 1, "fp8")), Error);
  CHECK_THROWS_AS(
      storage_layout(affine("int16", Granularity::kPerTensor, false, 1, "fp32", "int8")), Error);
}

}  // namespace bitjoule::integer_tensor_test
