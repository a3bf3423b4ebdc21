#include "core/numeric/value_histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/error.h"
#include "core/index.h"

namespace bitjoule::value_histogram_test {

namespace {

constexpr std::int64_t kBins = ValueHistogram::kBins;

TensorFormat int8() {
  TensorFormat format;
  format.format = "int8";
  return format;
}

ValueHistogram of(const std::vector<double>& x) {
  ValueHistogram histogram;
  histogram.add(x.data(), static_cast<std::int64_t>(x.size()));
  return histogram;
}

/// 20,000 normal values, and one far away.
std::vector<double> with_outlier(double outlier) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  std::vector<double> x(20000);
  for (double& value : x) value = std::clamp(normal(random), -4.0, 4.0);
  x[7777] = outlier;
  return x;
}

}  // namespace

TEST_CASE("value histogram: bins by hand") {
  // The range is 4, a bin 4 / 2048 wide. 3 ends bin 1535, the next value above begins 1536.
  const ValueHistogram h = of({3, std::nextafter(3.0, 4.0), 0, -0.001, -3, NAN, INFINITY});
  CHECK(h.range() == 4);
  CHECK(h.min() == -3);
  CHECK(h.max() > 3);
  CHECK(h.total() == 5);
  CHECK(h.counts()[at(kBins + 1535)] == 1);
  CHECK(h.counts()[at(kBins + 1536)] == 1);
  CHECK(h.counts()[at(kBins)] == 1);
  CHECK(h.counts()[at(kBins - 1)] == 1);
  CHECK(h.counts()[at(kBins - 1 - 1535)] == 1);
}

TEST_CASE("value histogram: the order of values does not matter") {
  std::vector<double> x = {0, 1, -1, 2, 4, 1e-30, -1e30, 0.3, 8, -7.999, 1e30};
  const ValueHistogram forth = of(x);
  std::reverse(x.begin(), x.end());
  CHECK(of(x).counts() == forth.counts());
  CHECK(of(x).range() == forth.range());
  const ValueHistogram stored(forth.counts(), forth.min(), forth.max());
  CHECK(stored.range() == forth.range());
  CHECK_THROWS_WITH_AS(ValueHistogram({1, 2}, 0, 1), "expected 4096 counts around zero, got 2",
                       Error);
}

TEST_CASE("static scales: abs_max holds all, the others clip an outlier") {
  const ValueHistogram h = of(with_outlier(64));
  const auto clip = [&](ScaleRule rule) {
    return static_cast<double>(static_scale(int8(), h, rule).scale) * 127;
  };
  CHECK(clip(ScaleRule::kAbsMax) == doctest::Approx(64));
  // One of 20,000 is less than 1 in 10,000; bins are 1/32 wide.
  CHECK(clip(ScaleRule::kPercentile) <= 4 + 1.0 / 32);
  CHECK(clip(ScaleRule::kPercentile) > 3.5);
  CHECK(clip(ScaleRule::kMse) < 64);
  CHECK(clip(ScaleRule::kEntropy) < 32);
  CHECK(clip(ScaleRule::kEntropy) > 2);
}

TEST_CASE("static scales: the error that mse looks for is least") {
  const std::vector<double> x = with_outlier(20);
  const ValueHistogram h = of(x);
  const auto noise = [&](float scale) {
    double sum = 0;
    for (const double value : x) {
      const double code =
          std::clamp(std::nearbyint(value / static_cast<double>(scale)), -127.0, 127.0);
      sum += std::pow(value - code * static_cast<double>(scale), 2);
    }
    return sum;
  };
  TensorFormat int4 = int8();
  int4.format = "int4";
  // 4 bits: -7..7.
  const auto noise4 = [&](float scale) {
    double sum = 0;
    for (const double value : x) {
      const double code = std::clamp(std::nearbyint(value / static_cast<double>(scale)), -7.0, 7.0);
      sum += std::pow(value - code * static_cast<double>(scale), 2);
    }
    return sum;
  };
  CHECK(noise(static_scale(int8(), h, ScaleRule::kMse).scale) <=
        noise(static_scale(int8(), h, ScaleRule::kAbsMax).scale) * 1.001);
  CHECK(noise4(static_scale(int4, h, ScaleRule::kMse).scale) <
        0.6 * noise4(static_scale(int4, h, ScaleRule::kAbsMax).scale));
}

TEST_CASE("static scales: zero-points hold both ends") {
  TensorFormat format = int8();
  format.symmetric = false;
  std::vector<double> x(100000, 0.5);
  x[1] = -1;
  x[2] = 3;
  const GroupParameters all = static_scale(format, of(x), ScaleRule::kAbsMax);
  CHECK(all.scale == doctest::Approx(4.0 / 255));
  CHECK(all.zero_point == -128 + 64);
  // 1 of 100,000 at each end is less than half of 1 in 10,000.
  const GroupParameters most = static_scale(format, of(x), ScaleRule::kPercentile);
  CHECK(most.scale == doctest::Approx(0.5 / 255).epsilon(0.01));
  CHECK(most.zero_point == -128);
  CHECK(static_scale(int8(), of({0, 0}), ScaleRule::kMse).scale == 1);
}

}  // namespace bitjoule::value_histogram_test
