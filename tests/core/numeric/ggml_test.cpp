// GGML blocks: vectors by hand, and decoders written down once more from the layout tables, block
// by block in the order of memory, against random blocks.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/numeric/float_formats.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule::ggml_test {
namespace {

using Block = std::vector<std::uint8_t>;

TensorFormat named(const std::string& name) {
  TensorFormat f;
  f.format = name;
  return f;
}

std::vector<float> decode(const std::string& name, const Block& bytes) {
  const std::int64_t k = find_format(name).block_elements;
  std::vector<float> y(static_cast<std::size_t>(k));
  QuantizedTensor::from_stored(named(name), bytes, 1, k).decode(y.data());
  return y;
}

float half(const Block& b, std::size_t i) {
  return decode_float(kFp16, static_cast<std::uint32_t>(b[i] | (b[i + 1] << 8)));
}

// get_scale_min_k4 as the format's table states it.
int scale6(const std::uint8_t* q, int j) {
  return j < 4 ? q[j] & 63 : (q[j + 4] & 15) | ((q[j - 4] >> 6) << 4);
}
int min6(const std::uint8_t* q, int j) {
  return j < 4 ? q[j + 4] & 63 : (q[j + 4] >> 4) | ((q[j] >> 6) << 4);
}

std::vector<float> oracle_q2_k(const Block& b) {
  std::vector<float> y;
  const float d = half(b, 80), dmin = half(b, 82);
  const std::uint8_t* q = &b[16];
  std::size_t group = 0;
  for (int part = 0; part < 2; ++part, q += 32) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (int l = 0; l < 32; ++l) {
        const int sc = b[group + (l < 16 ? 0 : 1)];
        y.push_back(d * static_cast<float>(sc & 15) * static_cast<float>((q[l] >> shift) & 3) -
                    dmin * static_cast<float>(sc >> 4));
      }
      group += 2;
    }
  }
  return y;
}

std::vector<float> oracle_q3_k(const Block& b) {
  int scales[16];
  for (int j = 0; j < 16; ++j) {
    const int low = j < 8 ? b[96 + static_cast<std::size_t>(j)] & 15
                          : b[96 + static_cast<std::size_t>(j - 8)] >> 4;
    const int high = (b[104 + static_cast<std::size_t>(j % 4)] >> (2 * (j / 4))) & 3;
    scales[j] = low + 16 * high - 32;
  }
  std::vector<float> y;
  const float d = half(b, 108);
  int mask = 1, group = 0;
  for (std::size_t part = 0; part < 2; ++part) {
    for (int shift = 0; shift < 8; shift += 2, mask <<= 1, group += 2) {
      for (std::size_t l = 0; l < 32; ++l) {
        const int q = ((b[32 + 32 * part + l] >> shift) & 3) - ((b[l] & mask) != 0 ? 0 : 4);
        y.push_back(d * static_cast<float>(scales[group + (l < 16 ? 0 : 1)]) *
                    static_cast<float>(q));
      }
    }
  }
  return y;
}

// q4_k and q5_k; `high` is where the fifth bits lie, 0 if there are none.
std::vector<float> oracle_q45_k(const Block& b, std::size_t high, std::size_t low) {
  std::vector<float> y;
  const float d = half(b, 0), dmin = half(b, 2);
  for (int j = 0; j < 8; ++j) {
    const float scale = d * static_cast<float>(scale6(&b[4], j));
    const float min = dmin * static_cast<float>(min6(&b[4], j));
    for (std::size_t l = 0; l < 32; ++l) {
      const int byte = b[low + 32 * static_cast<std::size_t>(j / 2) + l];
      int q = j % 2 == 0 ? byte & 15 : byte >> 4;
      if (high != 0 && ((b[high + l] >> j) & 1) != 0) q += 16;
      y.push_back(scale * static_cast<float>(q) - min);
    }
  }
  return y;
}

std::vector<float> oracle_q6_k(const Block& b) {
  std::vector<float> y(256);
  const float d = half(b, 208);
  for (std::size_t part = 0; part < 2; ++part) {
    const std::uint8_t *ql = &b[64 * part], *qh = &b[128 + 32 * part], *sc = &b[192 + 8 * part];
    for (std::size_t l = 0; l < 32; ++l) {
      const int q[4] = {
          (ql[l] & 15) | (((qh[l] >> 0) & 3) << 4), (ql[l + 32] & 15) | (((qh[l] >> 2) & 3) << 4),
          (ql[l] >> 4) | (((qh[l] >> 4) & 3) << 4), (ql[l + 32] >> 4) | (((qh[l] >> 6) & 3) << 4)};
      for (std::size_t i = 0; i < 4; ++i) {
        const auto scale = static_cast<float>(static_cast<std::int8_t>(sc[2 * i + l / 16]));
        y[128 * part + 32 * i + l] = d * scale * static_cast<float>(q[i] - 32);
      }
    }
  }
  return y;
}

std::vector<float> oracle_classic(const std::string& name, const Block& b) {
  const bool has_min = name.back() == '1', five = name[1] == '5';
  const std::size_t high = has_min ? 4 : 2, nibbles = high + (five ? 4 : 0);
  const int zero = has_min ? 0 : five ? 16 : 8;
  std::vector<float> y(32);
  for (std::size_t i = 0; i < 32; ++i) {
    const int byte = b[nibbles + i % 16];
    int q = i < 16 ? byte & 15 : byte >> 4;
    if (five) q |= ((b[high + i / 8] >> (i % 8)) & 1) << 4;
    y[i] = half(b, 0) * static_cast<float>(q - zero);
    if (has_min) y[i] += half(b, 2);
  }
  return y;
}

const int kTable[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

std::vector<float> oracle_iq4(const std::string& name, const Block& b) {
  std::vector<float> y;
  const bool xs = name == "iq4_xs";
  for (std::size_t g = 0; g < (xs ? 8 : 1); ++g) {
    float scale = half(b, 0);
    if (xs) {
      const int low = (b[4 + g / 2] >> (4 * (g % 2))) & 15;
      const int high = ((b[2] | (b[3] << 8)) >> (2 * g)) & 3;
      scale *= static_cast<float>(low + 16 * high - 32);
    }
    const std::size_t codes = (xs ? 8 : 2) + 16 * g;
    for (std::size_t i = 0; i < 32; ++i) {
      const int byte = b[codes + i % 16];
      y.push_back(scale * static_cast<float>(kTable[i < 16 ? byte & 15 : byte >> 4]));
    }
  }
  return y;
}

// A byte's digits from the top: those of byte * 3^n modulo 256, times 3 / 256.
std::vector<float> oracle_tq1_0(const Block& b) {
  std::vector<float> y(256);
  const std::size_t bytes[3] = {32, 16, 4}, digits[3] = {5, 5, 4};
  std::size_t from = 0, to = 0;
  for (int part = 0; part < 3; ++part) {
    for (std::size_t m = 0; m < bytes[part]; ++m) {
      unsigned power = 1;
      for (std::size_t n = 0; n < digits[part]; ++n, power *= 3) {
        const unsigned trit = ((b[from + m] * power % 256) * 3) / 256;
        y[to + m + n * bytes[part]] = half(b, 52) * (static_cast<float>(trit) - 1);
      }
    }
    from += bytes[part];
    to += bytes[part] * digits[part];
  }
  return y;
}

std::vector<float> oracle_few_bits(const std::string& name, const Block& b) {
  std::vector<float> y;
  if (name == "q1_0") {
    for (std::size_t i = 0; i < 128; ++i)
      y.push_back(((b[2 + i / 8] >> (i % 8)) & 1) != 0 ? half(b, 0) : -half(b, 0));
  } else if (name == "q2_0") {
    for (std::size_t i = 0; i < 64; ++i)
      y.push_back(half(b, 0) * static_cast<float>(((b[2 + i / 4] >> (2 * (i % 4))) & 3) - 1));
  } else {
    for (std::size_t part = 0; part < 2; ++part)
      for (int shift = 0; shift < 8; shift += 2)
        for (std::size_t m = 0; m < 32; ++m)
          y.push_back(half(b, 64) * static_cast<float>(((b[32 * part + m] >> shift) & 3) - 1));
  }
  return y;
}

std::vector<float> oracle(const std::string& name, const Block& b) {
  if (name.rfind("iq4", 0) == 0) return oracle_iq4(name, b);
  if (name == "tq1_0") return oracle_tq1_0(b);
  if (name == "tq2_0" || name == "q1_0" || name == "q2_0") return oracle_few_bits(name, b);
  if (name == "q2_k") return oracle_q2_k(b);
  if (name == "q3_k") return oracle_q3_k(b);
  if (name == "q4_k") return oracle_q45_k(b, 0, 16);
  if (name == "q5_k") return oracle_q45_k(b, 16, 48);
  if (name == "q6_k") return oracle_q6_k(b);
  if (name != "q8_0") return oracle_classic(name, b);
  std::vector<float> y;
  for (std::size_t i = 0; i < 32; ++i) {
    y.push_back(half(b, 0) * static_cast<float>(static_cast<std::int8_t>(b[2 + i])));
  }
  return y;
}

std::vector<std::string> ggml_names() {
  std::vector<std::string> names;
  for (const Format& f : formats()) {
    if (f.is_interleaved() && f.has_values) names.push_back(f.name);
  }
  return names;
}

// Where fp16 fields lie, kept finite in random blocks.
std::vector<std::size_t> halves(const std::string& name) {
  if (name == "q2_k") return {80, 82};
  if (name == "q3_k") return {108};
  if (name == "q6_k") return {208};
  if (name == "tq1_0") return {52};
  if (name == "tq2_0") return {64};
  if (name.back() == '1' || name == "q4_k" || name == "q5_k") return {0, 2};
  return {0};
}

}  // namespace

TEST_CASE("ggml: q4_0 and q8_0 by hand") {
  Block q4 = {0x00, 0x3c};  // d = 1
  for (int j = 0; j < 16; ++j) q4.push_back(static_cast<std::uint8_t>(j | ((15 - j) << 4)));
  const std::vector<float> y = decode("q4_0", q4);
  for (std::size_t j = 0; j < 16; ++j) {
    CHECK(y[j] == static_cast<float>(j) - 8);
    CHECK(y[j + 16] == 7 - static_cast<float>(j));
  }
  // The extreme -4 takes code 0: d = -4 / -8 = 0.5; x / d + 8.5 truncates to 10, 7, 9.
  std::vector<float> x(32, 0.0f);
  x[0] = -4.0f;
  x[1] = 1.2f;
  x[16] = -0.3f;
  x[17] = 0.25f;
  const auto t = QuantizedTensor::quantize(named("q4_0"), x.data(), 1, 32);
  CHECK(t.bytes()[0] == 0x00);
  CHECK(t.bytes()[1] == 0x38);
  CHECK(t.bytes()[2] == (0 | (7 << 4)));
  CHECK(t.bytes()[3] == (10 | (9 << 4)));
  CHECK(t.bytes()[4] == 0x88);
  CHECK(t.bytes().size() == 18);
  // q8_0: d = 127 / 127 = 1; halves away from zero.
  x.assign(32, 0.0f);
  x[0] = 127;
  x[1] = 0.5f;
  x[2] = -0.5f;
  x[3] = 2.5f;
  x[4] = std::nextafter(0.5f, 0.0f);
  const auto q8 = QuantizedTensor::quantize(named("q8_0"), x.data(), 1, 32);
  const int expected[] = {127, 1, -1, 3, 0};
  std::int16_t q[32];
  q8.codes(0, 0, 32, q);
  for (int i = 0; i < 5; ++i) CHECK(q[i] == expected[i]);
}

TEST_CASE("ggml: the scale of zeros is 0 / 127 in q8_0 and 0 / -8 in q4_0") {
  for (const float zero : {0.0f, -0.0f}) {
    const std::vector<float> x(32, zero);
    CHECK(QuantizedTensor::quantize(named("q8_0"), x.data(), 1, 32).bytes() == Block(34, 0));
  }
  const std::vector<float> x(32, 0.0f);
  const Block q4 = QuantizedTensor::quantize(named("q4_0"), x.data(), 1, 32).bytes();
  CHECK(q4[1] == 0x80);
  CHECK(q4[0] == 0);
}

TEST_CASE("ggml: of two equal extremes the first decides the sign of d") {
  for (float first : {4.0f, -4.0f}) {
    std::vector<float> x(32, 0.0f);
    x[3] = first;
    x[20] = -first;
    CHECK(QuantizedTensor::quantize(named("q4_0"), x.data(), 1, 32).scale(0, 0) == first / -8);
  }
}

TEST_CASE("ggml: q4_1, q5_0, q5_1 by hand") {
  // min -1, max 2: d = 3 / 15 = 0.2; x = 0 gives trunc(1 / 0.2 + 0.5) = 5.
  std::vector<float> x(32, 0.0f);
  x[0] = -1;
  x[31] = 2;
  const auto q41 = QuantizedTensor::quantize(named("q4_1"), x.data(), 1, 32);
  const float d41 = round_to(kFp16, 3.0f / 15.0f);
  CHECK(q41.scale(0, 0) == d41);
  CHECK(q41.min(0, 0) == -1.0f);
  CHECK(q41.bytes()[4] == (0 | (5 << 4)));
  CHECK(q41.bytes()[19] == (5 | (15 << 4)));
  // q5_0: the extreme 8 takes code 0: d = -0.5; 0 gives 16: nibble 0, fifth bit set.
  x.assign(32, 0.0f);
  x[3] = 8;
  const auto q50 = QuantizedTensor::quantize(named("q5_0"), x.data(), 1, 32);
  CHECK(q50.scale(0, 0) == -0.5f);
  CHECK(q50.bytes()[2] == 0xf7);
  CHECK(q50.bytes()[5] == 0xff);
  CHECK(q50.bytes()[6] == 0);
  // q5_1: 0..31 in steps of 1: d = 1, m = 0, code i = i.
  for (std::size_t i = 0; i < 32; ++i) x[i] = static_cast<float>(i);
  const auto q51 = QuantizedTensor::quantize(named("q5_1"), x.data(), 1, 32);
  std::int16_t q[32];
  q51.codes(0, 0, 32, q);
  for (int i = 0; i < 32; ++i) CHECK(q[i] == i);
  CHECK(q51.bytes()[4] == 0);     // elements 0..7 are below 16
  CHECK(q51.bytes()[6] == 0xff);  // elements 16..23
}

TEST_CASE("ggml: random blocks against decoders written from the layout") {
  MESSAGE("seed 5");
  std::mt19937 random(5);
  for (const std::string& name : ggml_names()) {
    CAPTURE(name);
    const Format& f = find_format(name);
    for (int repeat = 0; repeat < 50; ++repeat) {
      Block b(static_cast<std::size_t>(f.block_bytes));
      for (auto& byte : b) byte = static_cast<std::uint8_t>(random());
      for (std::size_t i : halves(name)) b[i + 1] &= 0xbb;  // no infinities or NaNs
      const std::vector<float> expected = oracle(name, b);
      CHECK(decode(name, b) == expected);
      // value = scale * code + min, element by element
      const auto t = QuantizedTensor::from_stored(named(name), b, 1, f.block_elements);
      std::vector<std::int16_t> q(expected.size());
      t.codes(0, 0, f.block_elements, q.data());
      int wrong = 0;
      for (std::int64_t k = 0; k < f.block_elements; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const float value = t.scale(0, k) * static_cast<float>(q[i]) + t.min(0, k);
        wrong += value != expected[i] || q[i] < f.min_code || q[i] > f.max_code;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("ggml: decoding then encoding keeps the codes of the classic blocks") {
  MESSAGE("seed 6");
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::vector<float> x(32 * 64), y(x.size());
  for (float& v : x) v = normal(random);
  for (const char* name : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0"}) {
    CAPTURE(name);
    const auto once = QuantizedTensor::quantize(named(name), x.data(), 4, 512);
    once.decode(y.data());
    const auto twice = QuantizedTensor::quantize(named(name), y.data(), 4, 512);
    std::vector<std::int16_t> a(512), b(512);
    once.codes(2, 0, 512, a.data());
    twice.codes(2, 0, 512, b.data());
    CHECK(a == b);
  }
}

TEST_CASE("ggml: errors stay within the step of each format") {
  MESSAGE("seed 8");
  std::mt19937 random(8);
  std::normal_distribution<float> normal;
  std::vector<float> x(256 * 16), y(x.size());
  for (float& v : x) v = normal(random);
  // Signal-to-noise for a normal distribution falls by about 6 dB per bit; floors a little below
  // what each reaches.
  const struct {
    const char* name;
    double floor_db;
  } rows[] = {{"q2_k", 9},    {"q3_k", 14},   {"q4_k", 21}, {"q5_k", 27}, {"q6_k", 32},
              {"q4_0", 19},   {"q4_1", 20},   {"q5_0", 25}, {"q5_1", 26}, {"q8_0", 43},
              {"iq4_nl", 21}, {"iq4_xs", 22}, {"q1_0", 4},  {"nvfp4", 20}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    QuantizedTensor::quantize(named(row.name), x.data(), 16, 256).decode(y.data());
    double signal = 0, noise = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      signal += static_cast<double>(x[i]) * x[i];
      noise += std::pow(static_cast<double>(x[i]) - y[i], 2);
    }
    CHECK(10 * std::log10(signal / noise) > row.floor_db);
  }
}

TEST_CASE("ggml: hostile values stay finite; partial blocks are refused") {
  for (const std::string& name : ggml_names()) {
    CAPTURE(name);
    for (int kind = 0; kind < 6; ++kind) {
      std::vector<float> x(256, 0.0f), y(256);
      const float values[6] = {NAN, INFINITY, -INFINITY, 3e38f, 1e-45f, -0.0f};
      for (std::size_t i = 0; i < x.size(); i += 3) x[i] = values[kind];
      if (kind == 3) x[1] = -3e38f;
      const auto t = QuantizedTensor::quantize(named(name), x.data(), 1, 256);
      t.decode(y.data());
      bool finite = true;
      for (float v : y) finite = finite && std::isfinite(v);
      CHECK(finite);
    }
    std::vector<float> x(300);
    CHECK_THROWS_AS(QuantizedTensor::quantize(named(name), x.data(), 1, 300), Error);
  }
}

TEST_CASE("ggml: parts of rows, aligned to blocks or not") {
  MESSAGE("seed 9");
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  std::vector<float> x(2 * 768), whole(x.size()), part(500);
  for (float& v : x) v = normal(random);
  for (const std::string& name : ggml_names()) {
    const auto t = QuantizedTensor::quantize(named(name), x.data(), 2, 768);
    t.decode(whole.data());
    std::vector<std::int16_t> q(768), some(500);
    t.codes(1, 0, 768, q.data());
    for (std::int64_t k0 : {0, 1, 32, 200, 256}) {
      t.decode_rows(1, 2, k0, k0 + 500, part.data());
      t.codes(1, k0, k0 + 500, some.data());
      int wrong = 0;
      for (std::size_t i = 0; i < 500; ++i) {
        const auto k = static_cast<std::size_t>(k0) + i;
        wrong += part[i] != whole[768 + k] || some[i] != q[k];
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("ggml: blocks without tables of values have sizes, and refuse to be coded") {
  const std::vector<float> x(256);
  int refused = 0;
  for (const Format& f : formats()) {
    if (f.has_values) continue;
    CAPTURE(f.name);
    CHECK_THROWS_WITH_AS(
        QuantizedTensor::quantize(named(f.name), x.data(), 1, 256),
        (f.name + " is timed and its bytes are counted, but its tables of values are not known "
                  "here: choose values: off, or another format")
            .c_str(),
        Error);
    const Block block(static_cast<std::size_t>(f.block_bytes));
    CHECK_THROWS_AS(QuantizedTensor::from_stored(named(f.name), block, 1, 256), Error);
    ++refused;
  }
  CHECK(refused == 7);
}

}  // namespace bitjoule::ggml_test
