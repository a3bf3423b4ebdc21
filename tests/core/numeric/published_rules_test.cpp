// Encoders against what their origins publish, value by value: OCP MX as microxcaling rounds it,
// NF4 as bitsandbytes decides it. Nothing here uses the code under test to say what is right.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/numeric/quantized_tensor.h"

namespace bitjoule::published_rules_test {
namespace {

TensorFormat named(const std::string& name) {
  TensorFormat f;
  f.format = name;
  return f;
}

/// An element of OCP MX v1.0, table 1.
struct Element {
  const char* name;
  int exponent_bits, mantissa_bits, bias;
  double max;
  int emax;
};
const Element kElements[] = {{"mxfp8_e4m3", 4, 3, 7, 448, 8},
                             {"mxfp8_e5m2", 5, 2, 15, 57344, 15},
                             {"mxfp6_e3m2", 3, 2, 3, 28, 4},
                             {"mxfp6_e2m3", 2, 3, 1, 7.5, 2},
                             {"mxfp4", 2, 1, 1, 6, 2}};

/// Magnitudes in the order of their codes: 0.m * 2^(1 - bias), then 1.m * 2^(e - bias).
std::vector<double> magnitudes(const Element& e) {
  std::vector<double> values;
  const int m = 1 << e.mantissa_bits;
  for (int code = 0; code < (1 << e.exponent_bits) * m; ++code) {
    const int exponent = code / m, fraction = code % m;
    const double value = exponent == 0
                             ? std::ldexp(fraction, 1 - e.bias - e.mantissa_bits)
                             : std::ldexp(m + fraction, exponent - e.bias - e.mantissa_bits);
    if (value <= e.max) values.push_back(value);
  }
  return values;
}

/// The nearest magnitude, of two the one with the even code; the largest beyond it.
double nearest(const std::vector<double>& values, double x) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const double far = std::abs(values[best] - x), here = std::abs(values[i] - x);
    if (here < far || (here == far && i % 2 == 0)) best = i;
  }
  return values[best];
}

/// One block by the rule: shared exponent floor(log2(largest)) - emax, E8M0's range.
std::vector<float> mx_block(const Element& e, const std::vector<float>& x) {
  const std::vector<double> values = magnitudes(e);
  double largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(double{v}));
  const int shared = std::max(std::ilogb(largest) - e.emax, -127);
  std::vector<float> y;
  for (const float v : x) {
    const double q = nearest(values, std::abs(double{v}) * std::exp2(-shared));
    y.push_back(static_cast<float>(std::copysign(q * std::exp2(shared), v)));
  }
  return y;
}

std::vector<float> coded(const std::string& format, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  QuantizedTensor::quantize(named(format), x.data(), 1, static_cast<std::int64_t>(x.size()))
      .decode(y.data());
  return y;
}

}  // namespace

TEST_CASE("mx: every code, and every tie between two, rounds half to even") {
  for (const Element& e : kElements) {
    CAPTURE(e.name);
    const std::vector<double> values = magnitudes(e);
    for (std::size_t i = 0; i + 1 < values.size(); ++i) {
      const double tie = (values[i] + values[i + 1]) / 2;
      // The first element fixes the shared exponent at 0.
      std::vector<float> x(32, 0.0f);
      x[0] = static_cast<float>(e.max);
      x[1] = static_cast<float>(values[i]);
      x[2] = static_cast<float>(tie);
      x[3] = static_cast<float>(-tie);
      x[4] = std::nextafter(x[2], 0.0f);
      x[5] = std::nextafter(x[2], 1e9f);
      const std::vector<float> y = coded(e.name, x);
      const double even = i % 2 == 0 ? values[i] : values[i + 1];
      CHECK(double{y[1]} == values[i]);
      CHECK(double{y[2]} == even);
      CHECK(double{y[3]} == -even);
      CHECK(double{y[4]} == values[i]);
      CHECK(double{y[5]} == values[i + 1]);
    }
  }
}

TEST_CASE("mx: what exceeds the largest element saturates, whatever the exponent") {
  for (const Element& e : kElements) {
    CAPTURE(e.name);
    for (const int exponent : {-100, -1, 0, 1, 100}) {
      // 2^(emax + 1) less one place has the exponent emax: above max unless the mantissa is full.
      const float top = std::ldexp(std::nextafter(2.0f, 0.0f), e.emax + exponent);
      const std::vector<float> x = {top, -top, std::ldexp(1.0f, e.emax + exponent)};
      const float max = std::ldexp(static_cast<float>(e.max), exponent);
      CHECK(coded(e.name, x) == std::vector<float>{max, -max, std::ldexp(1.0f, e.emax + exponent)});
    }
  }
}

TEST_CASE("mx: random blocks of every magnitude against the rule") {
  constexpr unsigned kSeed = 11;
  MESSAGE("seed " << kSeed);
  std::mt19937 random(kSeed);
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<int> exponents(-140, 100), spread(-12, 0);
  for (const Element& e : kElements) {
    CAPTURE(e.name);
    int wrong = 0;
    for (int block = 0; block < 300; ++block) {
      const int exponent = exponents(random);
      std::vector<float> x(32);
      for (float& v : x) v = std::ldexp(normal(random), exponent + spread(random));
      x[0] = std::ldexp(1.0f, exponent);  // never a block of zeros
      const std::vector<float> y = coded(e.name, x), expected = mx_block(e, x);
      for (std::size_t i = 0; i < x.size(); ++i) wrong += y[i] == expected[i] ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("mxint8: steps of 2^-6 below the shared exponent, half to even, within +-127") {
  std::vector<float> x(32, 0.0f);
  x[0] = 1.0f;  // exponent 0
  for (int i = 1; i < 31; ++i) x[static_cast<std::size_t>(i)] = (static_cast<float>(i) + 0.5f) / 64;
  x[31] = -1.999f;  // -127.9: saturates
  const std::vector<float> y = coded("mxint8", x);
  for (int i = 1; i < 31; ++i)
    CHECK(y[static_cast<std::size_t>(i)] == static_cast<float>(i + i % 2) / 64);
  CHECK(y[31] == -127.0f / 64);
}

TEST_CASE("nf4: the thresholds of bitsandbytes' dQuantizeNF4") {
  // csrc/cpu_ops.cpp, kernels.cu: code i + 1 above the i-th of them, i at it and below.
  const float thresholds[15] = {
      -0.8480964004993439f,  -0.6106329262256622f,  -0.4599952697753906f,   -0.33967943489551544f,
      -0.23460740596055984f, -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f,
      0.1202552504837513f,   0.2035212516784668f,   0.2920137718319893f,    0.3893125355243683f,
      0.5016634166240692f,   0.6427869200706482f,   0.8614784181118011f};
  std::vector<float> x = {1.0f};  // the scale
  for (const float t : thresholds) {
    x.push_back(t);
    x.push_back(std::nextafter(t, 2.0f));
    x.push_back(std::nextafter(t, -2.0f));
  }
  const auto stored =
      QuantizedTensor::quantize(named("nf4"), x.data(), 1, static_cast<std::int64_t>(x.size()));
  CHECK(stored.scale(0, 0) == 1.0f);
  const auto code = [&stored](std::size_t i) {
    return (stored.bytes()[i / 2] >> (i % 2 * 4)) & 15;
  };
  CHECK(code(0) == 15);
  for (std::size_t i = 0; i < 15; ++i) {
    CAPTURE(i);
    CHECK(code(1 + 3 * i) == static_cast<int>(i));
    CHECK(code(2 + 3 * i) == static_cast<int>(i) + 1);
    CHECK(code(3 + 3 * i) == static_cast<int>(i));
  }
}

}  // namespace bitjoule::published_rules_test
