// The oracle's sums against plain loops, in every form that the processor has.
#include "core/oracle/side_by_side.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

namespace bitjoule::side_by_side_test {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::vector<Simd> forms() {
  std::vector<Simd> all = {Simd::kPortable};
  for (const Simd form : {Simd::kAvx2, Simd::kAvx512})
    if (form <= widest_simd()) all.push_back(form);
  return all;
}

/// Normal values of very different sizes, and now and then what is none: zeros of both signs,
/// denormals, infinities, NaNs.
template <class T>
std::vector<T> values(std::mt19937& random, std::int64_t count, bool special) {
  using Limits = std::numeric_limits<T>;
  const T specials[] = {T{0},
                        -T{0},
                        Limits::denorm_min(),
                        -Limits::denorm_min() * 77,
                        Limits::infinity(),
                        -Limits::infinity(),
                        Limits::quiet_NaN(),
                        Limits::max(),
                        Limits::min()};
  std::normal_distribution<T> normal;
  std::vector<T> all(at(count));
  for (T& v : all) {
    v = std::ldexp(normal(random), static_cast<int>(random() % 41) - 20);
    if (special && random() % 40 == 0) v = specials[random() % std::size(specials)];
  }
  return all;
}

/// Which of two NaNs a sum keeps is the processor's choice.
template <class T>
bool same_bits(T a, T b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

/// Ends of random parts of k elements.
std::vector<std::int64_t> random_ends(std::mt19937& random, std::int64_t k) {
  std::vector<std::int64_t> ends;
  for (std::int64_t i = 1; i < k; ++i)
    if (random() % 20 == 0) ends.push_back(i);
  ends.push_back(k);
  return ends;
}

/// Each chain by itself: a product, rounded, then an addition, rounded.
template <class T, class W>
T plain_sum(const T* x, const W* w, std::int64_t begin, std::int64_t end) {
  T sum = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const T product = x[i] * static_cast<T>(w[i]);
    sum = sum + product;
  }
  return sum;
}

template <class T>
void check_panels(std::mt19937& random) {
  for (int round = 0; round < 60; ++round) {
    const std::int64_t rows = 1 + round % kSumRows;
    const auto k = static_cast<std::int64_t>(1 + random() % 90);
    const auto stride = k + static_cast<std::int64_t>(random() % 5);
    const std::vector<T> x = values<T>(random, rows * stride, round % 2 == 1);
    const std::vector<float> w = values<float>(random, kSumLanes * k, round % 2 == 1);
    const std::vector<std::int64_t> ends = random_ends(random, k);
    std::array<const float*, kSumLanes> lanes;
    for (std::int64_t lane = 0; lane < kSumLanes; ++lane) lanes[at(lane)] = &w[at(lane * k)];
    std::vector<T> panel;
    fill_panel(lanes, k, panel);
    for (const Simd form : forms()) {
      CAPTURE(round);
      CAPTURE(static_cast<int>(form));
      const std::int64_t apart = kSumLanes + round % 3;  // what lies between rows of sums stays
      constexpr T kUntouched = 77;
      std::vector<T> sums(ends.size() * at(rows * apart), kUntouched);
      side_by_side(x.data(), stride, rows, panel.data(), ends, sums.data(), apart, form);
      std::size_t i = 0;
      bool same = true;
      std::int64_t begin = 0;
      for (const std::int64_t end : ends) {
        for (std::int64_t r = 0; r < rows; ++r) {
          for (const float* lane : lanes)
            same = same_bits(sums[i++], plain_sum(&x[at(r * stride)], lane, begin, end)) && same;
          for (std::int64_t gap = kSumLanes; gap < apart; ++gap)
            same = sums[i++] == kUntouched && same;
        }
        begin = end;
      }
      CHECK(same);
    }
  }
}

template <class T>
void check_pairs(std::mt19937& random) {
  for (int round = 0; round < 30; ++round) {
    const auto k = static_cast<std::int64_t>(1 + random() % 90);
    const std::vector<T> x = values<T>(random, kSumLanes * k, round % 2 == 1);
    const std::vector<float> w = values<float>(random, kSumLanes * k, round % 2 == 1);
    const std::vector<std::int64_t> ends = random_ends(random, k);
    std::array<const T*, kSumLanes> inputs;
    std::array<const float*, kSumLanes> weights;
    for (std::int64_t p = 0; p < kSumLanes; ++p) {
      inputs[at(p)] = &x[at((kSumLanes - 1 - p) * k)];
      weights[at(p)] = &w[at(p * k)];
    }
    std::vector<T> sums(ends.size() * at(kSumLanes));
    sum_pairs(inputs, weights, ends, sums.data());
    std::size_t i = 0;
    bool same = true;
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
      for (std::size_t p = 0; p < at(kSumLanes); ++p)
        same = same_bits(sums[i++], plain_sum(inputs[p], weights[p], begin, end)) && same;
      begin = end;
    }
    CAPTURE(round);
    CHECK(same);
  }
}

}  // namespace

TEST_CASE("side by side: every form gives the bits of one chain after the other") {
  MESSAGE("seed 41");
  std::mt19937 random(41);
  check_panels<double>(random);
  check_panels<float>(random);
}

TEST_CASE("side by side: pairs of rows that share nothing") {
  MESSAGE("seed 42");
  std::mt19937 random(42);
  check_pairs<double>(random);
  check_pairs<float>(random);
}

TEST_CASE("side by side: sums of integers are exact where int32 holds only some of the products") {
  MESSAGE("seed 43");
  std::mt19937 random(43);
  for (const int top : {1, 127, 255, 2047, 32768})
    for (std::int64_t n = 1; n < 400; n += 1 + static_cast<std::int64_t>(random() % 9)) {
      std::vector<std::int16_t> x(at(n)), w(at(n));
      // At random, and all at the end of their range.
      for (const bool extreme : {false, true}) {
        std::int64_t expected = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          x[at(i)] = static_cast<std::int16_t>(
              extreme ? -top : static_cast<int>(random() % at(2 * top)) - top);
          w[at(i)] = static_cast<std::int16_t>(
              extreme ? -top : static_cast<int>(random() % at(2 * top)) - top);
          expected += std::int64_t{x[at(i)]} * w[at(i)];
        }
        const std::int64_t safe =
            std::numeric_limits<std::int32_t>::max() / (std::int64_t{top} * top);
        for (const Simd form : forms())
          CHECK(sum_products(x.data(), w.data(), n, safe, form) == expected);
      }
    }
}

TEST_CASE("Sums of rows with zeros are those of all elements, in every form") {
  std::mt19937 random(7);
  for (const auto& [rows, n, k] :
       {std::array<std::int64_t, 3>{1, 64, 1}, {3, 130, 64}, {5, 128, 200}}) {
    std::vector<double> x = values<double>(random, rows * k, true);
    std::vector<float> w(at(n * k));
    for (float& v : w) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 512;
    for (double& v : x)
      if (random() % 2 == 0) v = random() % 2 == 0 ? 0.0 : -0.0;
    CHECK(has_many_zeros(x.data(), rows * k) == (k > 1 || x[0] == 0));
    const std::int64_t wide = n / kFilledLanes * kFilledLanes;
    for (const Simd form : forms()) {
      std::vector<double> y(at(rows * (n + 1)), 77);
      filled_sums(x.data(), rows, w.data(), n, k, y.data(), n + 1, form);
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t c = 0; c <= n; ++c) {
          double sum = 0;
          for (std::int64_t i = 0; i < k && c < n; ++i)
            sum += x[at(row * k + i)] * static_cast<double>(w[at(c * k + i)]);
          CHECK(same_bits(y[at(row * (n + 1) + c)], c < wide ? sum : 77.0));
        }
    }
  }
}

}  // namespace bitjoule::side_by_side_test
