// The fast array's inner loops against plain ones, over sizes that fill no vector.
#include "core/exec/kernels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace bitjoule::kernels_test {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::vector<Simd> forms() {
  std::vector<Simd> all = {Simd::kPortable};
  if (best_simd() != Simd::kPortable) all.push_back(best_simd());
  if (widest_simd() != best_simd()) all.push_back(widest_simd());
  return all;
}

/// Which of two NaNs a sum keeps is the processor's choice.
bool same_bits(float a, float b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

struct Sizes {
  std::int64_t m, n, k;
};

/// Around the blocks of four or eight rows and sixteen columns, and the limits between kernels.
std::vector<Sizes> all_sizes() {
  std::vector<Sizes> all;
  for (std::int64_t m : {1, 3, 4, 5, 6, 9, 15})
    for (std::int64_t n : {1, 7, 8, 16, 19, 33})
      for (std::int64_t k : {1, 2, 31, 64, 75}) all.push_back({m, n, k});
  return all;
}

}  // namespace

TEST_CASE("kernels: integer sums are exact up to the ends of int16 and int32") {
  MESSAGE("seed 31");
  std::mt19937 random(31);
  for (const Sizes& s : all_sizes())
    for (int top : {1, 127, 5000}) {  // 5000^2 * 75 < 2^31
      const std::int64_t stride = s.k + 3;
      std::vector<std::int16_t> a(at(s.m * stride)), b(at(s.n * stride));
      for (auto* operand : {&a, &b})
        for (std::int16_t& v : *operand)
          v = static_cast<std::int16_t>(static_cast<int>(random() % (2 * top + 1)) - top);
      std::vector<std::int32_t> sums(at(s.m * s.n)), expected;
      for (std::int64_t m = 0; m < s.m; ++m)
        for (std::int64_t n = 0; n < s.n; ++n) {
          std::int64_t sum = 0;
          for (std::int64_t k = 0; k < s.k; ++k)
            sum += std::int64_t{a[at(m * stride + k)]} * b[at(n * stride + k)];
          expected.push_back(static_cast<std::int32_t>(sum));
        }
      CAPTURE(s.m);
      CAPTURE(s.n);
      CAPTURE(s.k);
      for (const Simd simd : {Simd::kPortable, best_simd(), integer_simd()}) {
        multiply_integers({a.data(), stride}, {b.data(), stride}, s.m, s.n, s.k, sums.data(), simd);
        CHECK(sums == expected);
      }
    }
}

TEST_CASE("kernels: float sums round as a column of PEs does, chunk by chunk") {
  MESSAGE("seed 32");
  std::mt19937 random(32);
  std::normal_distribution<float> normal;
  for (const Sizes& s : all_sizes())
    for (std::int64_t chunk : {std::int64_t{1}, std::int64_t{32}, s.k})
      for (bool accumulate : {false, true}) {
        std::vector<float> a(at(s.m * s.k)), b(at(s.n * s.k)), acc(at(s.m * s.n)), expected;
        for (auto* operand : {&a, &b, &acc})
          for (float& v : *operand) v = normal(random);
        for (std::int64_t m = 0; m < s.m; ++m)
          for (std::int64_t n = 0; n < s.n; ++n) {
            float total = acc[at(m * s.n + n)];
            for (std::int64_t k0 = 0; k0 < s.k; k0 += chunk) {
              float sum = 0;
              for (std::int64_t k = k0; k < std::min(k0 + chunk, s.k); ++k) {
                const float product = a[at(m * s.k + k)] * b[at(n * s.k + k)];
                sum += product;
              }
              total = k0 == 0 && !accumulate ? sum : total + sum;
            }
            expected.push_back(total);
          }
        multiply_floats({a.data(), s.k}, {b.data(), s.k}, s.m, s.n, s.k, chunk, accumulate,
                        acc.data());
        CAPTURE(s.m);
        CAPTURE(s.n);
        CAPTURE(s.k);
        CHECK(std::memcmp(acc.data(), expected.data(), 4 * expected.size()) == 0);
      }
}

/// Tiles of packed weights that begin inside of a block and along k.
TEST_CASE("kernels: packed weights give the bits of rows as they lie, in every form") {
  MESSAGE("seed 33");
  std::mt19937 random(33);
  std::normal_distribution<float> normal;
  using Limits = std::numeric_limits<float>;
  const float specials[] = {0.0f,
                            -0.0f,
                            Limits::denorm_min(),
                            -Limits::denorm_min() * 77,
                            Limits::infinity(),
                            -Limits::infinity(),
                            Limits::quiet_NaN()};
  const auto fill = [&](std::vector<float>& all, bool special) {
    for (float& v : all) {
      v = std::ldexp(normal(random), static_cast<int>(random() % 21) - 10);
      if (special && random() % 50 == 0) v = specials[random() % std::size(specials)];
    }
  };
  for (int round = 0; round < 150; ++round) {
    const auto count = static_cast<std::int64_t>(1 + random() % 60);
    const auto whole = static_cast<std::int64_t>(1 + random() % 70);
    const auto row = static_cast<std::int64_t>(random() % at(count));
    const auto k0 = static_cast<std::int64_t>(random() % at(whole));
    const auto n = static_cast<std::int64_t>(1 + random() % at(count - row));
    const auto k = static_cast<std::int64_t>(1 + random() % at(whole - k0));
    const auto chunk = static_cast<std::int64_t>(1 + random() % 40);
    const std::int64_t m = 1 + round % 9, stride = k + 2;
    const bool accumulate = random() % 2 == 0;
    std::vector<float> a(at(m * stride)), b(at(count * whole)), before(at(m * n)), expected;
    for (auto* operand : {&a, &b, &before}) fill(*operand, round % 2 == 1);
    // Rows that end in zeros, as those of a causal softmax do, of either sign.
    for (std::int64_t i = 0; round % 3 == 0 && i < m; ++i)
      for (auto e = static_cast<std::int64_t>(random() % at(k + 1)); e < k; ++e)
        a[at(i * stride + e)] = random() % 2 == 0 ? 0.0f : -0.0f;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        float total = before[at(i * n + j)];
        for (std::int64_t begin = 0; begin < k; begin += chunk) {
          float sum = 0;
          for (std::int64_t e = begin; e < std::min(begin + chunk, k); ++e) {
            const float product = a[at(i * stride + e)] * b[at((row + j) * whole + k0 + e)];
            sum += product;
          }
          total = begin == 0 && !accumulate ? sum : total + sum;
        }
        expected.push_back(total);
      }
    CAPTURE(round);
    const auto check = [&](const std::vector<float>& got) {
      CHECK(std::equal(got.begin(), got.end(), expected.begin(), same_bits));
    };
    const PackedRows packed(b.data(), count, whole);
    for (const Simd form : forms()) {
      CAPTURE(static_cast<int>(form));
      std::vector<float> acc = before;
      multiply_floats({a.data(), stride}, packed, row, k0, m, n, k, chunk, accumulate, acc.data(),
                      {}, form);
      check(acc);
    }
    std::vector<float> acc = before;
    multiply_floats({a.data(), stride}, {&b[at(row * whole + k0)], whole}, m, n, k, chunk,
                    accumulate, acc.data());
    check(acc);
  }
}

TEST_CASE("kernels: zeros at the end of integer rows are left out") {
  std::mt19937 random(47);
  for (const std::int64_t m : {6, 9, 17})
    for (const std::int64_t k : {1, 2, 33, 64}) {
      constexpr std::int64_t kN = 19;
      std::vector<std::int16_t> a(at(m * k)), b(at(kN * k));
      for (std::int16_t& v : b)
        v = static_cast<std::int16_t>(static_cast<int>(random() % 255) - 127);
      for (std::int64_t i = 0; i < m; ++i)
        for (auto e = static_cast<std::int64_t>(random() % at(k + 1)); e > 0; --e)
          a[at(i * k + e - 1)] = static_cast<std::int16_t>(static_cast<int>(random() % 255) - 127);
      std::vector<std::int32_t> sums(at(m * kN), -1);
      multiply_integers({a.data(), k}, {b.data(), k}, m, kN, k, sums.data());
      for (std::int64_t i = 0; i < m * kN; ++i) {
        std::int32_t expected = 0;
        for (std::int64_t e = 0; e < k; ++e)
          expected += a[at(i / kN * k + e)] * b[at(i % kN * k + e)];
        REQUIRE(sums[at(i)] == expected);
      }
    }
}

TEST_CASE("kernels: of lower rows all results up to the diagonal are there, few beyond") {
  // Matrices of five rows, in whose fourth a tile begins.
  constexpr std::int64_t kRows = 5, kFirst = 3, kM = 7, kN = 25, kK = 4;
  constexpr float kLeft = -1;
  std::vector<float> a(kM * kK, 1.0f), b(kN * kK, 1.0f), acc(kM * kN, kLeft);
  const PackedRows packed(b.data(), kN, kK);
  const LowerRows wanted{kRows, kFirst, kN - kRows};
  multiply_floats({a.data(), kK}, packed, 0, 0, kM, kN, kK, kK, false, acc.data(), wanted);
  for (std::int64_t i = 0; i < kM; ++i)
    for (std::int64_t n = 0; n <= kN - kRows + (kFirst + i) % kRows; ++n)
      CHECK(acc[at(i * kN + n)] == kK);
  const LowerRows few{40, 0, -30};  // all rows end before column 16, but for the last block's
  std::vector<float> rows(40 * kK, 1.0f), sums(40 * kN, kLeft);
  multiply_floats({rows.data(), kK}, packed, 0, 0, 40, kN, kK, kK, false, sums.data(), few);
  CHECK(std::count(sums.begin(), sums.begin() + 29 * kN, kLeft) > 0);
  for (std::int64_t i = 0; i < 40; ++i)
    for (std::int64_t n = 0; n < i - 29; ++n) CHECK(sums[at(i * kN + n)] == kK);
}

}  // namespace bitjoule::kernels_test
