// The fast array's inner loops against plain ones, over sizes that fill no vector.
#include "core/exec/kernels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace bitjoule {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Sizes {
  std::int64_t m, n, k;
};

/// Around the blocks of four rows and sixteen columns, and the limits between kernels.
std::vector<Sizes> all_sizes() {
  std::vector<Sizes> all;
  for (std::int64_t m : {1, 3, 4, 5, 6, 9})
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
      multiply_integers({a.data(), stride}, {b.data(), stride}, s.m, s.n, s.k, sums.data());
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
      CHECK(sums == expected);
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

}  // namespace bitjoule
