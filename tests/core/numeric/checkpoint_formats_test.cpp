// Formats that checkpoints store weights in: offsets, scales of blocks, plain zero-points, groups
// that lie apart, bitsandbytes' fp4. Expected values by the formulas of their documentation.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/energy/dequant_cost.h"
#include "core/error.h"
#include "core/exec/scale_table.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::checkpoint_formats_test {
namespace {

TensorFormat grouped(const std::string& name, const std::string& zero_point,
                     std::int64_t group = 32) {
  TensorFormat f;
  f.format = name;
  f.granularity = Granularity::kPerGroup;
  f.group_size = group;
  f.symmetric = zero_point.empty();
  f.scale = "fp16";
  if (!zero_point.empty()) f.zero_point = zero_point;
  return f;
}

std::vector<float> decoded(const QuantizedTensor& t) {
  std::vector<float> y(static_cast<std::size_t>(t.rows() * t.k()));
  t.decode(y.data());
  return y;
}

std::vector<float> normal(std::size_t n, unsigned seed) {
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> x(n);
  for (float& v : x) v = distribution(random);
  return x;
}

}  // namespace

TEST_CASE("offsets: value = scale * code + offset, both as they are stored") {
  // Two codes a byte; fp16 scale 0.5, then the offset -3.
  std::vector<std::uint8_t> bytes(16, 0xf2);
  for (const int b : {0x00, 0x38, 0x00, 0xc2}) bytes.push_back(static_cast<std::uint8_t>(b));
  const auto t = QuantizedTensor::from_stored(grouped("uint4", "offset_fp16"), bytes, 1, 32);
  CHECK(decoded(t)[0] == 0.5f * 2 - 3);
  CHECK(decoded(t)[1] == 0.5f * 15 - 3);
  CHECK(t.min(0, 5) == -3);
  CHECK(t.zero_point(0, 5) == 0);
  CHECK(native_integer(grouped("uint4", "offset_fp16")).has_min);
  CHECK(tensor_bytes(storage_layout(grouped("uint4", "offset_bf16")), 2, 64).total() ==
        2 * 2 * (16 + 2 + 2));
  // What is encoded is within half a step of what it was.
  const std::vector<float> x = normal(2 * 64, 21);
  for (const char* offset : {"offset_fp32", "offset_bf16", "offset_fp16"}) {
    const auto u = QuantizedTensor::quantize(grouped("uint8", offset), x.data(), 2, 64);
    const std::vector<float> y = decoded(u);
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(std::abs(x[i] - y[i]) <=
            0.6f * u.scale(static_cast<std::int64_t>(i / 64), static_cast<std::int64_t>(i % 64)) +
                (std::string(offset) == "offset_bf16" ? 0.02f : 0.001f));
  }
  TensorFormat whole = grouped("uint4", "offset_fp16");
  whole.granularity = Granularity::kPerTensor;
  CHECK_THROWS_AS(storage_layout(whole), Error);
}

TEST_CASE("zero-points: packed_plain holds the number itself") {
  TensorFormat f = grouped("uint4", "packed_plain");
  std::vector<std::uint8_t> bytes(16, 0xf2);
  for (const int b : {0x00, 0x38, 0x07}) bytes.push_back(static_cast<std::uint8_t>(b));
  CHECK(QuantizedTensor::from_stored(f, bytes, 1, 32).zero_point(0, 0) == 7);
  f.zero_point = "packed";
  CHECK(QuantizedTensor::from_stored(f, bytes, 1, 32).zero_point(0, 0) == 8);
  // Of signed codes less the least.
  f = grouped("int4", "packed_plain");
  CHECK(QuantizedTensor::from_stored(f, bytes, 1, 32).zero_point(0, 0) == -1);
}

TEST_CASE("per_block: one scale for squares of output channels and inputs") {
  TensorFormat f;
  f.format = "fp8_e4m3_scaled";
  f.granularity = Granularity::kPerBlock;
  f.group_size = 128;
  const StorageLayout layout = storage_layout(f);
  // 3 x 2 blocks of the last shape, the edges partial.
  CHECK(region_bytes(layout, 300, 200).scales == 3 * 2 * 4);
  CHECK(region_bytes(layout, 300, 200).codes == 300 * 200);
  CHECK(group_index(layout, 127, 127, 200) == 0);
  CHECK(group_index(layout, 128, 0, 200) == 2);
  CHECK(group_index(layout, 299, 199, 200) == 5);
  std::vector<float> x(300 * 200, 1.0f);
  x[299 * 200 + 199] = 448 * 3;
  x[299 * 200 + 198] = 3 * 5.1f;
  const auto t = QuantizedTensor::quantize(f, x.data(), 300, 200);
  CHECK(t.scale(299, 150) == 3);
  CHECK(t.scale(299, 100) == 1 / 448.0f);
  CHECK(decoded(t)[299 * 200 + 199] == 448 * 3);
  CHECK(decoded(t)[299 * 200 + 198] == 3 * 5);
  f.format = "uint8";
  f.symmetric = false;
  CHECK_THROWS_AS(storage_layout(f), Error);
}

TEST_CASE("scaled fp8: a scale per tensor or channel, converted and multiplied") {
  TensorFormat f;
  f.format = "fp8_e4m3_scaled";
  f.granularity = Granularity::kPerChannel;
  const std::vector<float> x = {1, -2, 448, 4, 5, 6};
  const auto t = QuantizedTensor::quantize(f, x.data(), 2, 3);
  CHECK(t.scale(0, 0) == 1);
  CHECK(t.scale(1, 2) == 6.0f / 448);
  CHECK(t.bytes().size() == 6 + 8);
  CHECK_FALSE(native_integer(f).available);
  REQUIRE(dequant_cost(f).size() == 2);
  f.granularity = Granularity::kPerToken;
  CHECK_THROWS_AS(storage_layout(f), Error);
}

TEST_CASE("groups that lie apart: each input has the scale of its own group") {
  const std::vector<float> x = normal(2 * 64, 22);
  auto t = QuantizedTensor::quantize(grouped("uint4", "packed"), x.data(), 2, 64);
  std::vector<std::int32_t> groups;
  for (int k = 0; k < 64; ++k) groups.push_back(k % 2);
  const std::vector<float> before = decoded(t);
  t.set_groups(groups);
  const std::vector<float> after = decoded(t);
  std::int16_t codes[64];
  int wrong = 0;
  for (std::int64_t row = 0; row < 2; ++row) {
    t.codes(row, 0, 64, codes);
    for (std::int64_t k = 0; k < 64; ++k) {
      const std::int64_t of = k % 2 * 32;  // an element that lies in that group
      wrong += after[static_cast<std::size_t>(row * 64 + k)] !=
               t.scale(row, of) * static_cast<float>(codes[k] - t.zero_point(row, of));
    }
  }
  CHECK(wrong == 0);
  CHECK(before != after);
  CHECK_THROWS_AS(ScaleTable{t}, Error);
  CHECK_THROWS_AS(t.set_groups(std::vector<std::int32_t>(64, 2)), Error);
  CHECK_THROWS_AS(t.set_groups(std::vector<std::int32_t>(63, 0)), Error);
}

TEST_CASE("bitsandbytes' fp4: sign and three bits, divided by 12") {
  // Codes 0..15, two a byte here with the first in the low bits; absmax 12.
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 16; i += 2) bytes.push_back(static_cast<std::uint8_t>(i | ((i + 1) << 4)));
  const float scale = 12;
  bytes.resize(12);
  std::memcpy(&bytes[8], &scale, 4);
  TensorFormat f;
  f.format = "fp4_bnb";
  const auto t = QuantizedTensor::from_stored(f, bytes, 1, 16);
  const float expected[8] = {0, 0.0625f, 8, 12, 4, 6, 2, 3};
  const std::vector<float> y = decoded(t);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(y[i] == doctest::Approx(expected[i]).epsilon(1e-7));
    CHECK(y[i + 8] == doctest::Approx(-expected[i]).epsilon(1e-7));
  }
  // Nearest of them; 12 is the largest, so the scale is 12.
  const std::vector<float> x = {12, -7.1f, 0.04f, 0.02f, 2.4f, -2.6f, 0, -0.01f};
  const float nearest[] = {12, -8, 0.0625f, 0, 2, -3, 0, 0};
  const std::vector<float> z = decoded(QuantizedTensor::quantize(f, x.data(), 1, 8));
  for (std::size_t i = 0; i < 8; ++i) CHECK(z[i] == doctest::Approx(nearest[i]).epsilon(1e-7));
}

TEST_CASE("nvfp4: a scale of the tensor that divides") {
  TensorFormat f;
  f.format = "nvfp4";
  std::vector<std::uint8_t> bytes(8, 0x22);  // 1.0 everywhere
  bytes.push_back(0x44);                     // 3
  const float global = 7;
  bytes.resize(13);
  std::memcpy(&bytes[9], &global, 4);
  CHECK(decoded(QuantizedTensor::from_stored(f, bytes, 1, 16))[0] == 3.0f * 7.0f);
  f.scale = "fp32_inverse";
  CHECK(decoded(QuantizedTensor::from_stored(f, bytes, 1, 16))[0] == 3.0f / 7.0f);
  std::vector<float> x(16, 0.0f);
  x[0] = 2688;
  CHECK(decoded(QuantizedTensor::quantize(f, x.data(), 1, 16))[0] == 2688);
  f.format = "int8";
  CHECK_THROWS_AS(storage_layout(f), Error);
}

}  // namespace bitjoule::checkpoint_formats_test
