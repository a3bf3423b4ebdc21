#include "core/numeric/mac.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "core/error.h"

namespace bitjoule::mac_test {

TEST_CASE("mac: how many fit a 32-bit PE") {
  const struct {
    const char* mac;
    int weight, activation;
    std::int64_t widest, product;
  } rows[] = {
      {"fp32", 32, 32, 1, 1},
      {"fp16", 16, 16, 2, 2},
      {"fp8_e4m3", 8, 8, 4, 4},
      {"int16", 16, 16, 2, 2},
      {"int8", 8, 8, 4, 4},
      {"int4", 4, 4, 8, 8},
      {"int2", 2, 2, 16, 16},
      // 4 x 8 bits need half the bricks of 8 x 8, 4 x 4 a quarter; odd widths round up.
      {"int8", 4, 8, 4, 8},
      {"int8", 8, 4, 4, 8},
      {"int8", 4, 4, 4, 16},
      {"int8", 2, 8, 4, 16},
      {"int8", 3, 8, 4, 8},
      {"int8", 5, 8, 4, 4},
      {"int16", 8, 16, 2, 4},
      {"int16", 8, 8, 2, 8},
  };
  for (const auto& row : rows) {
    CAPTURE(row.mac);
    CAPTURE(row.weight);
    const MacType& mac = find_mac_type(row.mac);
    CHECK(macs_per_pe(32, Packing::kWidest, mac, row.weight, row.activation) == row.widest);
    CHECK(macs_per_pe(32, Packing::kProduct, mac, row.weight, row.activation) == row.product);
    CHECK(macs_per_pe(32, Packing::kNone, mac, row.weight, row.activation) == 1);
  }
  CHECK(macs_per_pe(8, Packing::kWidest, find_mac_type("int8"), 8, 8) == 1);
  CHECK_THROWS_AS(macs_per_pe(8, Packing::kWidest, find_mac_type("fp32"), 32, 32), Error);
  CHECK_THROWS_AS(macs_per_pe(32, Packing::kWidest, find_mac_type("int4"), 8, 4), Error);
}

TEST_CASE("mac: passes of wider integers through one multiplier") {
  const struct {
    int weight, activation;
    std::int64_t of_8, of_4, of_32;
  } rows[] = {{8, 8, 1, 4, 1},    {8, 16, 2, 8, 1}, {16, 8, 2, 8, 1},
              {16, 16, 4, 16, 1}, {4, 4, 1, 1, 1},  {9, 8, 2, 6, 1}};
  for (const auto& row : rows) {
    CAPTURE(row.weight);
    CAPTURE(row.activation);
    CHECK(mac_passes(8, Packing::kPasses, row.weight, row.activation) == row.of_8);
    CHECK(mac_passes(4, Packing::kPasses, row.weight, row.activation) == row.of_4);
    CHECK(mac_passes(32, Packing::kPasses, row.weight, row.activation) == row.of_32);
    CHECK(mac_passes(4, Packing::kWidest, row.weight, row.activation) == 1);
    CHECK(macs_per_pe(8, Packing::kPasses, find_mac_type("int16"), row.weight, row.activation) ==
          1);
  }
  CHECK(macs_per_pe(32, Packing::kPasses, find_mac_type("fp16"), 16, 16) == 1);
  CHECK_THROWS_AS(macs_per_pe(8, Packing::kPasses, find_mac_type("fp16"), 16, 16), Error);
}

TEST_CASE("mac: the narrowest integer type that holds both operands") {
  CHECK(integer_mac_for(2, 2).name == "int2");
  CHECK(integer_mac_for(3, 2).name == "int4");
  CHECK(integer_mac_for(4, 8).name == "int8");
  CHECK(integer_mac_for(6, 5).name == "int8");
  CHECK(integer_mac_for(16, 2).name == "int16");
  CHECK_THROWS_AS(integer_mac_for(17, 8), Error);
  CHECK_THROWS_WITH_AS(find_mac_type("int9"), doctest::Contains("nearest first: int"), Error);
}

TEST_CASE("mac: leaving int32 is reported and wraps") {
  std::int32_t acc = INT32_MAX - 10;
  CHECK_FALSE(accumulate(acc, 10));
  CHECK(acc == INT32_MAX);
  CHECK(accumulate(acc, 1));
  CHECK(acc == INT32_MIN);
  CHECK(accumulate(acc, -1));
  CHECK(acc == INT32_MAX);
  // The largest sum of two products of 16-bit operands: -32768 * -32768 * 2 = 2^31.
  acc = 0;
  CHECK(accumulate(acc, std::int64_t{2} * 32768 * 32768));
}

TEST_CASE("mac: the product rounds before the sum") {
  // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term is half a unit in the last place and lost, so
  // that 0 remains where a fused operation would leave 2^-24.
  const float a = 1.0f + 0x1p-12f;
  CHECK(mac_float(-(1.0f + 0x1p-11f), a, a) == 0.0f);
  CHECK(mac_float(1.0f, 2.0f, 3.0f) == 7.0f);
}

}  // namespace bitjoule::mac_test
