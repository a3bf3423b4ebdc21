// Every code of every float format against the definition of a binary float.
#include "core/numeric/float_formats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/numeric/vectorize.h"

namespace bitjoule::float_formats_test {
namespace {

// Written down from the format tables (OCP OFP8 and MX, IEEE 754, bfloat16), not from the code.
struct Row {
  const char* name;
  FloatSpec spec;
  int exponent_bits, mantissa_bits, bias;
  double max, min_normal, min_subnormal;
  bool infinity, nan;
};
const Row kRows[] = {
    {"fp8_e4m3", kFp8E4m3, 4, 3, 7, 448, std::ldexp(1, -6), std::ldexp(1, -9), false, true},
    {"fp8_e5m2", kFp8E5m2, 5, 2, 15, 57344, std::ldexp(1, -14), std::ldexp(1, -16), true, true},
    {"fp6_e3m2", kFp6E3m2, 3, 2, 3, 28, 0.25, 0.0625, false, false},
    {"fp6_e2m3", kFp6E2m3, 2, 3, 1, 7.5, 1, 0.125, false, false},
    {"fp4_e2m1", kFp4E2m1, 2, 1, 1, 6, 1, 0.5, false, false},
    {"fp16", kFp16, 5, 10, 15, 65504, std::ldexp(1, -14), std::ldexp(1, -24), true, true},
    {"bf16", kBf16, 8, 7, 127, std::ldexp(255, 120), std::ldexp(1, -126), std::ldexp(1, -133), true,
     true},
    {"tf32", kTf32, 8, 10, 127, std::ldexp(2047, 117), std::ldexp(1, -126), std::ldexp(1, -136),
     true, true},
};

// The value of a code by definition.
double value_of(const Row& row, std::uint32_t code) {
  const int m = row.mantissa_bits, e = row.exponent_bits;
  const std::uint32_t mantissa = code & ((1u << m) - 1);
  const std::uint32_t exponent = (code >> m) & ((1u << e) - 1);
  const double sign = (code >> (m + e)) != 0 ? -1 : 1;
  const bool top = exponent == (1u << e) - 1;
  if (row.infinity && top) return mantissa == 0 ? sign * INFINITY : NAN;
  if (row.nan && top && mantissa == (1u << m) - 1) return NAN;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - row.bias - m);
  return sign * std::ldexp(mantissa + (1u << m), static_cast<int>(exponent) - row.bias - m);
}

}  // namespace

TEST_CASE("floats: every code decodes to its value and encodes back") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    const std::uint32_t codes = 2u << (row.exponent_bits + row.mantissa_bits);
    double largest = 0, smallest = INFINITY;
    int wrong = 0;
    for (std::uint32_t code = 0; code < codes; ++code) {
      const double expected = value_of(row, code);
      const float got = decode_float(row.spec, code);
      if (std::isnan(expected)) {
        wrong += !std::isnan(got);
        continue;
      }
      wrong += static_cast<double>(got) != expected || std::signbit(got) != std::signbit(expected);
      if (std::isinf(expected)) continue;
      wrong += encode_float(row.spec, got) != code;
      largest = std::max(largest, expected);
      if (expected > 0) smallest = std::min(smallest, expected);
    }
    CHECK(wrong == 0);
    CHECK(largest == row.max);
    CHECK(smallest == row.min_subnormal);
    CHECK(static_cast<double>(row.spec.max_value()) == row.max);
    CHECK(decode_float(row.spec, 1u << row.mantissa_bits) == static_cast<float>(row.min_normal));
  }
}

TEST_CASE("floats: midpoints go to even codes, their neighbours to the nearer value") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    int wrong = 0;
    for (std::uint32_t code = 0; code < row.spec.max_code(); ++code) {
      // The midpoint of neighbours of at most 11 significant bits is an fp32.
      const double low = value_of(row, code), high = value_of(row, code + 1);
      const auto middle = static_cast<float>(0.5 * (low + high));
      const std::uint32_t even = code % 2 == 0 ? code : code + 1;
      const float inf = std::numeric_limits<float>::infinity();
      const std::uint32_t sign = 1u << (row.exponent_bits + row.mantissa_bits);
      wrong += encode_float(row.spec, middle) != even;
      wrong += encode_float(row.spec, -middle) != (even | sign);
      wrong += encode_float(row.spec, std::nextafter(middle, inf)) != code + 1;
      wrong += encode_float(row.spec, std::nextafter(middle, -inf)) != code;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("floats: overflow, infinity and NaN as each format says") {
  const float inf = std::numeric_limits<float>::infinity();
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    const float max = row.spec.max_value();
    const bool ieee = row.spec.specials == FloatSpecials::kIeee;
    const float overflow = ieee ? inf : max;
    CHECK(round_to(row.spec, inf) == overflow);
    CHECK(round_to(row.spec, -inf) == -overflow);
    CHECK(round_to(row.spec, std::numeric_limits<float>::max()) == overflow);
    if (row.nan) {
      CHECK(std::isnan(round_to(row.spec, NAN)));
    } else {
      CHECK(encode_float(row.spec, NAN) == 0);
      CHECK(encode_float(row.spec, -NAN) == 0);
    }
    // IEEE: from half a step beyond the maximum on.
    const float step = max - decode_float(row.spec, row.spec.max_code() - 1);
    CHECK(round_to(row.spec, max + 0.49f * step) == max);
    CHECK(round_to(row.spec, max + 0.5f * step) == overflow);
  }
}

TEST_CASE("floats: arrays agree with single values") {
  std::vector<float> x;
  for (std::uint32_t i = 0; i < 4001; ++i) {
    x.push_back(
        std::ldexp(1.0f + 0.00037f * static_cast<float>(i), static_cast<int>(i % 278) - 149));
    x.push_back(-x.back());
  }
  for (const float special : {0.0f, -0.0f, std::numeric_limits<float>::infinity(), std::nanf("")})
    x.push_back(special);
  const auto n = static_cast<std::int64_t>(x.size());
  for (const Row& row : kRows) {
    if (row.spec.bits() > 16) continue;
    std::vector<std::uint16_t> codes(x.size());
    std::vector<float> y(x.size()), z(x.size());
    encode_floats(row.spec, x.data(), n, codes.data());
    decode_floats(row.spec, codes.data(), n, y.data());
    round_to(row.spec, x.data(), n, z.data());
    int wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      wrong += codes[i] != encode_float(row.spec, x[i]) ||
               bits_of(y[i]) != bits_of(round_to(row.spec, x[i])) || bits_of(y[i]) != bits_of(z[i]);
    }
    CHECK(wrong == 0);
  }
}

}  // namespace bitjoule::float_formats_test
