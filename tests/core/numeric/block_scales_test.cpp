// Scales and codes that are made and read many at a time, against one at a time by their
// definition.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "core/index.h"
#include "core/numeric/pack.h"
#include "core/numeric/quantized_tensor.h"
#include "core/numeric/scale_storage.h"
#include "core/numeric/vectorize.h"

namespace bitjoule::block_scales_test {
namespace {

std::vector<float> magnitudes_of_every_binade() {
  std::vector<float> all = {0.0f};
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent)
    for (const std::uint32_t mantissa : {0x1u, 0x400000u, 0x7fffffu})
      all.push_back(float_of(exponent << 23 | mantissa));
  for (std::uint32_t exponent = 1; exponent < 255; ++exponent)
    all.push_back(float_of(exponent << 23));
  return all;
}

TEST_CASE("block scales: MX has the power of two of the largest over that of the element") {
  const std::vector<float> largest = magnitudes_of_every_binade();
  const auto n = static_cast<std::int64_t>(largest.size());
  // Exponents of the largest elements: 448 = 1.75 * 2^8, 57344 = 1.75 * 2^15, 6 = 1.5 * 2^2,
  // 127/64.
  const std::pair<const char*, int> elements[] = {
      {"mxfp8_e4m3", 8}, {"mxfp8_e5m2", 15}, {"mxfp4", 2}, {"mxint8", 0}};
  for (const auto& [name, element] : elements) {
    std::vector<std::uint32_t> stored(largest.size());
    std::vector<float> scales(largest.size());
    mx_scales(find_format(name), largest.data(), n, stored.data(), scales.data());
    for (std::size_t i = 0; i < largest.size(); ++i) {
      int exponent = -127;  // least of E8M0
      if (largest[i] > 0) {
        std::frexp(largest[i], &exponent);  // largest = 0.5..1 times 2^exponent
        exponent = std::max(-127, exponent - 1 - element);
      }
      CHECK(stored[i] == static_cast<std::uint32_t>(exponent + 127));
      CHECK(scales[i] == std::ldexp(1.0f, exponent));
      CHECK(encode_scale(ScaleFormat::kE8m0, scales[i]) == stored[i]);
    }
  }
}

TEST_CASE("block scales: those of two levels are E4M3 beside the tensor's, and none is zero") {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> exponents(-12, 3);
  for (const bool inverse : {false, true}) {
    std::vector<float> largest(333);
    for (float& x : largest) x = std::exp2(exponents(random));
    largest[7] = 0;
    const std::vector<float> magnitudes = largest;
    std::vector<std::uint32_t> stored(largest.size());
    const float tensor = two_level_scales(inverse, largest.data(),
                                          static_cast<std::int64_t>(largest.size()), stored.data());
    const float most = *std::max_element(magnitudes.begin(), magnitudes.end());
    const float whole = 6.0f * 448.0f;
    CHECK(tensor == (inverse ? whole / most : most / whole));
    for (std::size_t i = 0; i < largest.size(); ++i) {
      const float wanted =
          inverse ? magnitudes[i] * tensor / 6.0f : magnitudes[i] / (6.0f * tensor);
      const std::uint32_t code = encode_float(kFp8E4m3, wanted);
      CHECK(stored[i] == (code == 0 ? encode_float(kFp8E4m3, 1.0f) : code));
      const float scale = decode_float(kFp8E4m3, stored[i]);
      CHECK(largest[i] == (inverse ? scale / tensor : scale * tensor));
    }
  }
}

TEST_CASE("block scales: all at once are those of one group after the other") {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (const char* name : {"mxfp4", "mxint8", "mxfp6_e2m3", "nvfp4", "fp8_e4m3_scaled", "int4"})
    for (const std::int64_t k : {8, 40, 96}) {
      TensorFormat format;
      format.format = name;
      format.granularity = Granularity::kPerGroup;
      format.group_size = 16;
      constexpr std::int64_t kRows = 7;
      std::vector<float> x(at(kRows * k));
      for (float& v : x) v = std::exp(normal(random)) - 1;
      const QuantizedTensor t = QuantizedTensor::quantize(format, x.data(), kRows, k);
      REQUIRE(t.has_plain_scales());
      const std::int64_t group = t.layout().scales.group, per_row = (k + group - 1) / group;
      std::vector<float> scales(at(kRows * per_row));
      t.group_scales(0, kRows * per_row, scales.data());
      for (std::int64_t i = 0; i < kRows * per_row; ++i) {
        CAPTURE(name);
        CHECK(scales[at(i)] == t.group_scale(i / per_row, i % per_row * group));
      }
      // Rows together have the codes and the values that they have alone, but for the one scale of
      // a tensor of two levels.
      if (t.layout().scale_format == ScaleFormat::kTwoLevel) continue;
      std::vector<float> all(x.size()), row(at(k));
      t.decode(all.data());
      for (std::int64_t r = 0; r < kRows; ++r) {
        QuantizedTensor::quantize(format, &x[at(r * k)], 1, k).decode(row.data());
        CHECK(std::equal(row.begin(), row.end(), all.begin() + r * k));
      }
    }
}

TEST_CASE("block scales: codes of every width are fields one after the other") {
  std::mt19937 random(7);
  for (int bits = 1; bits <= 8; ++bits)
    for (const std::int64_t n : {1, 7, 8, 9, 16, 61, 200}) {
      std::vector<std::uint16_t> codes(at(n)), back(at(n));
      for (std::uint16_t& code : codes) code = static_cast<std::uint16_t>(random());
      std::vector<std::uint8_t> bytes(at((n * bits + 7) / 8), 0xff);
      pack_codes(codes.data(), n, bits, bytes.data());
      unpack_codes(bytes.data(), bits, 0, n, back.data());
      for (std::int64_t i = 0; i < n; ++i) {
        const std::uint32_t code = codes[at(i)] & ((1u << bits) - 1);
        CHECK(get_bits(bytes.data(), i * bits, bits) == code);
        CHECK(back[at(i)] == code);
      }
    }
}

}  // namespace
}  // namespace bitjoule::block_scales_test
