#include "core/numeric/exponential.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace bitjoule::exponential_test {
namespace {

double unit_of(double x) { return std::nextafter(x, std::numeric_limits<double>::infinity()) - x; }

}  // namespace

TEST_CASE("exponentials: within a unit of libm's, alone as beside others") {
  MESSAGE("seed 41");
  std::mt19937 random(41);
  for (const double most : {1e-9, 0.4, 30.0, 708.0, 744.0}) {
    std::uniform_real_distribution<double> any(-most, std::min(most, 709.0));
    std::vector<double> x(1003), powers;  // no multiple of any vector
    for (double& v : x) v = any(random);
    powers = x;
    exponentiate(powers.data(), static_cast<std::int64_t>(powers.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      CAPTURE(x[i]);
      const double expected = std::exp(x[i]);
      CHECK(std::abs(powers[i] - expected) <= unit_of(expected));
      double alone = x[i];
      exponentiate(&alone, 1);
      CHECK(alone == powers[i]);
    }
  }
}

TEST_CASE("exponentials: exact ones, the ends of the range, infinities and NaN") {
  const double infinity = std::numeric_limits<double>::infinity();
  double x[] = {0, -0.0, infinity, -infinity, 1e300, -1e300, 709.79, -745.14, std::nan("")};
  const double expected[] = {1, 1, infinity, 0, infinity, 0, infinity, 0};
  exponentiate(x, 9);
  for (int i = 0; i < 8; ++i) CHECK(x[i] == expected[i]);
  CHECK(std::isnan(x[8]));
}

TEST_CASE("exponentials: floats are those of double, rounded once") {
  std::vector<float> x, powers;
  for (int i = -104 * 64; i < 89 * 64; ++i) x.push_back(static_cast<float>(i) / 64);
  powers = x;
  exponentiate(powers.data(), static_cast<std::int64_t>(powers.size()));
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(powers[i] == static_cast<float>(std::exp(static_cast<double>(x[i]))));
}

}  // namespace bitjoule::exponential_test
