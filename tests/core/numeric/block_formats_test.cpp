// Planar formats with scales of their own: MX, NF4, ternary, binary; plain narrow floats.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/ggml_blocks.h"
#include "core/numeric/nf4.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::block_formats_test {
namespace {

TensorFormat named(const std::string& name, Granularity granularity = Granularity::kPerTensor,
                   std::int64_t group = 128) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  f.group_size = group;
  return f;
}

std::vector<float> normal(std::size_t n, unsigned seed) {
  MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> x(n);
  for (float& v : x) v = distribution(random);
  return x;
}

std::vector<float> decoded(const QuantizedTensor& t) {
  std::vector<float> y(static_cast<std::size_t>(t.rows() * t.k()));
  t.decode(y.data());
  return y;
}

}  // namespace

TEST_CASE("mxfp4: every code and exponent against ggml's doubled table") {
  // kvalues are twice E2M1, the exponent is one less: kvalue * 2^(e - 128).
  const int kvalues[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  for (int e = 0; e < 255; ++e) {
    std::vector<std::uint8_t> block = {static_cast<std::uint8_t>(e)};
    for (int j = 0; j < 16; ++j) block.push_back(static_cast<std::uint8_t>(j | ((15 - j) << 4)));
    const auto t =
        QuantizedTensor::from_stored(named("mxfp4"), mxfp4_from_ggml(block, 1, 32), 1, 32);
    const std::vector<float> y = decoded(t);
    int wrong = 0;
    for (std::size_t j = 0; j < 16; ++j) {
      wrong += y[j] != static_cast<float>(std::ldexp(kvalues[j], e - 128));
      wrong += y[j + 16] != static_cast<float>(std::ldexp(kvalues[15 - j], e - 128));
    }
    CHECK(wrong == 0);
  }
  CHECK_THROWS_AS(mxfp4_from_ggml(std::vector<std::uint8_t>(17), 1, 33), Error);
  CHECK_THROWS_AS(mxfp4_from_ggml(std::vector<std::uint8_t>(18), 1, 32), Error);
  CHECK_THROWS_AS(mxfp4_from_ggml(std::vector<std::uint8_t>(17), 2, 32), Error);
}

TEST_CASE("mx: the shared exponent is floor(log2 max) - emax, elements round half to even") {
  std::vector<float> x(32, 0.0f);
  x[0] = -7.9f;  // floor(log2) = 2
  x[1] = 2.5f;   // a tie between 2 and 3 in steps of 1 (mxfp4): even mantissa, 2
  x[2] = 0.25f;  // a tie between 0 and 0.5: 0
  const auto t = QuantizedTensor::quantize(named("mxfp4"), x.data(), 1, 32);
  CHECK(t.scale(0, 0) == 1.0f);   // 2^(2 - 2)
  CHECK(t.bytes()[16] == 127);    // E8M0
  CHECK(decoded(t)[0] == -6.0f);  // saturates
  CHECK(decoded(t)[1] == 2.0f);
  CHECK(decoded(t)[2] == 0.0f);
  // E4M3: emax 8, so the scale is 2^(2 - 8); E5M2: emax 15; E3M2: 4; E2M3: 2.
  const struct {
    const char* name;
    int exponent;
  } rows[] = {
      {"mxfp8_e4m3", 2 - 8}, {"mxfp8_e5m2", 2 - 15}, {"mxfp6_e3m2", 2 - 4}, {"mxfp6_e2m3", 2 - 2}};
  for (const auto& row : rows) {
    const auto u = QuantizedTensor::quantize(named(row.name), x.data(), 1, 32);
    CHECK(u.scale(0, 0) == std::ldexp(1.0f, row.exponent));
  }
  // MXINT8: q * 2^(2 - 6): -7.9 * 16 = -126.4, 2.5 * 16 = 40.
  const auto i8 = QuantizedTensor::quantize(named("mxint8"), x.data(), 1, 32);
  CHECK(i8.scale(0, 0) == 1.0f / 16);
  std::int16_t q[32];
  i8.codes(0, 0, 32, q);
  CHECK(q[0] == -126);
  CHECK(q[1] == 40);
  CHECK(decoded(i8)[0] == -126.0f / 16);
}

TEST_CASE("nvfp4: scales of two levels") {
  // The largest, 6 * 448 * 0.5, makes the tensor's scale 0.5 and its group's 448; the other group's
  // is 6 / (6 * 0.5) = 2, one of zeros 1.
  std::vector<float> x(48, 0.0f);
  x[0] = -1344;
  x[16] = 6;
  x[17] = 2.5f;  // halves between codes 2 and 3: 2.5 / (2 * 0.5), even mantissa
  const auto t = QuantizedTensor::quantize(named("nvfp4"), x.data(), 1, 48);
  CHECK(t.scale(0, 0) == 224.0f);
  CHECK(t.scale(0, 20) == 1.0f);
  CHECK(t.scale(0, 47) == 0.5f);
  CHECK(t.bytes().size() == 24 + 3 + 4);
  CHECK(decoded(t)[0] == -1344);
  CHECK(decoded(t)[16] == 6);
  CHECK(decoded(t)[17] == 2);
  // GGML's blocks have no scale of the tensor.
  std::vector<std::uint8_t> block(36, 0x21);
  block[0] = 0x38;  // 1
  block[1] = 0x7f;  // no number in E4M3, 0 here
  const auto u =
      QuantizedTensor::from_stored(named("nvfp4"), nvfp4_from_ggml(block, 1, 64, 0.25f), 1, 64);
  CHECK(decoded(u)[0] == 0.125f);
  CHECK(decoded(u)[8] == 0.25f);
  CHECK(decoded(u)[16] == 0);
  CHECK_THROWS_AS(nvfp4_from_ggml(std::vector<std::uint8_t>(36), 1, 32), Error);
}

TEST_CASE("mx: random rows with a short last block against the rule") {
  const std::vector<float> x = normal(3 * 75, 3);
  for (const Format& f : formats()) {
    if (f.group != 32 || f.is_interleaved() || !f.is_float_element()) continue;
    CAPTURE(f.name);
    const auto t = QuantizedTensor::quantize(named(f.name), x.data(), 3, 75);
    const std::vector<float> y = decoded(t);
    int wrong = 0;
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t start = 0; start < 75; start += 32) {
        const std::size_t end = std::min<std::size_t>(start + 32, 75);
        double largest = 0;
        for (std::size_t k = start; k < end; ++k) {
          largest = std::max(largest, std::abs(static_cast<double>(x[75 * r + k])));
        }
        const double scale =
            std::exp2(std::floor(std::log2(largest)) - std::ilogb(f.fp.max_value()));
        for (std::size_t k = start; k < end; ++k) {
          const auto scaled = static_cast<float>(x[75 * r + k] / scale);
          wrong += y[75 * r + k] != static_cast<float>(round_to(f.fp, scaled) * scale);
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("element formats decode and encode back to the same bytes") {
  const std::vector<float> x = normal(2 * 96, 4);
  for (const char* name :
       {"fp32", "tf32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1",
        "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e3m2", "mxfp6_e2m3", "mxint8", "nf4", "binary"}) {
    CAPTURE(name);
    const auto once = QuantizedTensor::quantize(named(name), x.data(), 2, 96);
    const std::vector<float> y = decoded(once);
    const auto twice = QuantizedTensor::quantize(named(name), y.data(), 2, 96);
    CHECK(decoded(twice) == y);
    CHECK(twice.bytes() == once.bytes());
  }
}

TEST_CASE("plain floats: rounding of each element, no scale") {
  const float x[] = {0.3f, -5.0f, 1000.0f, 1e-9f};
  const auto t = QuantizedTensor::quantize(named("fp4_e2m1"), x, 1, 4);
  CHECK(decoded(t) == std::vector<float>{0.5f, -4.0f, 6.0f, 0.0f});
  CHECK(t.bytes().size() == 2);
  CHECK(t.bytes()[0] == (1 | (14 << 4)));
  CHECK(t.scale(0, 0) == 1.0f);
  const auto tf32 = QuantizedTensor::quantize(named("tf32"), x, 1, 4);
  CHECK(tf32.bytes().size() == 16);
  CHECK(decoded(tf32)[0] == round_to(kTf32, 0.3f));
}

TEST_CASE("nf4: every entry, nearest neighbours and ties") {
  const double table[16] = {-1.0,
                            -0.6961928009986877,
                            -0.5250730514526367,
                            -0.39491748809814453,
                            -0.28444138169288635,
                            -0.18477343022823334,
                            -0.09105003625154495,
                            0.0,
                            0.07958029955625534,
                            0.16093020141124725,
                            0.24611230194568634,
                            0.33791524171829224,
                            0.44070982933044434,
                            0.5626170039176941,
                            0.7229568362236023,
                            1.0};
  std::vector<float> x;
  for (double v : table) x.push_back(static_cast<float>(v) * 2.0f);
  const auto t = QuantizedTensor::quantize(named("nf4"), x.data(), 1, 16);
  CHECK(t.scale(0, 0) == 2.0f);
  CHECK(decoded(t) == x);
  for (int i = 0; i < 8; ++i)
    CHECK(t.bytes()[static_cast<std::size_t>(i)] == 2 * i + (2 * i + 1) * 16);
  // Random values against a search for the nearest entry.
  const std::vector<float> r = normal(512, 5);
  const auto u = QuantizedTensor::quantize(named("nf4"), r.data(), 2, 256);
  const std::vector<float> y = decoded(u);
  int wrong = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    const auto k = static_cast<std::int64_t>(i % 256);
    const double scale = u.scale(static_cast<std::int64_t>(i / 256), k);
    double best = 10;
    for (double v : table) best = std::min(best, std::abs(r[i] / scale - v));
    wrong += std::abs(std::abs(r[i] - y[i]) / scale - best) > 1e-6;
  }
  CHECK(wrong == 0);
  CHECK(native_integer(named("nf4")).available == false);
}

TEST_CASE("nf4 with double quantization: the map's structure and the error of the scales") {
  const float* map = dynamic8_table();
  // Largest midpoints of the finest part: 0.1 + 0.9 * 63.5 / 64, then 1; symmetric but for 1.
  CHECK(map[255] == 1.0f);
  CHECK(map[254] == doctest::Approx(0.1 + 0.9 * 63.5 / 64));
  CHECK(map[0] == -map[254]);
  CHECK(map[127] == 0.0f);
  CHECK(map[128] == doctest::Approx(1e-6 * 0.55));
  for (int i = 1; i < 256; ++i) CHECK(map[i - 1] < map[i]);

  const std::vector<float> x = normal(32 * 1024, 6);
  const auto plain = QuantizedTensor::quantize(named("nf4"), x.data(), 32, 1024);
  const auto twice = QuantizedTensor::quantize(named("nf4_dq"), x.data(), 32, 1024);
  for (std::int64_t row = 0; row < 32; row += 7) {
    for (std::int64_t k = 0; k < 1024; k += 64) {
      CHECK(twice.scale(row, k) == doctest::Approx(plain.scale(row, k)).epsilon(0.02));
    }
  }
}

TEST_CASE("ternary and binary: mean magnitude, by hand") {
  const float x[] = {0.5f, -1.5f, 0.1f, -0.1f, 1.8f};  // mean 0.8
  const auto t = QuantizedTensor::quantize(named("ternary"), x, 1, 5);
  CHECK(t.scale(0, 0) == doctest::Approx(0.8));
  std::int16_t q[5];
  t.codes(0, 0, 5, q);
  const int ternary[] = {1, -1, 0, 0, 1};
  for (int i = 0; i < 5; ++i) CHECK(q[i] == ternary[i]);
  CHECK(t.bytes().size() == 2 + 4);  // 2 bits per element, rows padded to bytes
  const auto b = QuantizedTensor::quantize(named("binary"), x, 1, 5);
  b.codes(0, 0, 5, q);
  const int binary[] = {1, -1, 1, -1, 1};
  for (int i = 0; i < 5; ++i) CHECK(q[i] == binary[i]);
  CHECK(b.bytes()[0] == 0x15);
  const float zeros[8] = {};
  for (const char* name : {"ternary", "binary"}) {
    const auto z = QuantizedTensor::quantize(named(name), zeros, 1, 8);
    CHECK(decoded(z) == std::vector<float>(8, 0.0f));
  }
}

TEST_CASE("every format survives hostile values and keeps infinities out unless it has them") {
  const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, -0.0f, 1.0f};
  std::vector<float> x(256);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = values[i % 8];
  for (const Format& f : formats()) {
    if (!f.has_values) continue;
    CAPTURE(f.name);
    const auto t = QuantizedTensor::quantize(named(f.name), x.data(), 1, 256);
    const std::vector<float> y = decoded(t);
    CHECK(y.size() == 256);
    const bool has_nan = f.fp.exponent_bits != 0 && f.fp.specials != FloatSpecials::kNone;
    bool nan = false;
    for (float v : y) nan = nan || std::isnan(v);
    CHECK(nan == has_nan);
  }
}

}  // namespace bitjoule::block_formats_test
