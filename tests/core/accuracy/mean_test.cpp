#include "core/accuracy/mean.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace bitjoule::mean_test {

Mean summed(const std::vector<double>& values) {
  MeanMeter meter;
  for (const double value : values) meter.add(value);
  return meter.result();
}

TEST_CASE("mean: value and standard error by hand") {
  // Deviations -3, -1, 1, 3 of 5: variance 20 / 3 of a sample, over 4 values.
  const Mean mean = summed({2, 4, 6, 8});
  CHECK(mean.count == 4);
  CHECK(mean.value == doctest::Approx(5));
  CHECK(mean.error == doctest::Approx(std::sqrt(20.0 / 3 / 4)));
  CHECK(mean.largest == 8);
}

TEST_CASE("mean: pairs that move together differ surely where each by itself says nothing") {
  const double a[] = {1, 5, 9, 2}, b[] = {1.5, 5.5, 9.6, 2.4};
  MeanMeter of_a, of_b, of_pairs;
  for (int i = 0; i < 4; ++i) {
    of_a.add(a[i]);
    of_b.add(b[i]);
    of_pairs.add(b[i] - a[i]);
  }
  CHECK(of_b.result().value - of_a.result().value < of_a.result().error);
  const Mean pairs = of_pairs.result();
  CHECK(pairs.value == doctest::Approx(0.5));
  CHECK(pairs.error == doctest::Approx(std::sqrt(0.02 / 3 / 4)));  // 0, 0, 0.1, -0.1
  CHECK(pairs.is_told_from_zero());
}

TEST_CASE("mean: two standard errors tell a mean from zero on either side") {
  CHECK(summed({1, 3}).error == doctest::Approx(1));
  CHECK_FALSE(summed({1, 3}).is_told_from_zero());  // 2 +- 1
  CHECK(summed({1.1, 3}).is_told_from_zero());
  CHECK(summed({-1.1, -3}).is_told_from_zero());
  CHECK_FALSE(summed({0, 0}).is_told_from_zero());
}

TEST_CASE("mean: of one and of none") {
  CHECK(summed({7}).value == 7);
  CHECK(summed({7}).error == 0);
  CHECK(summed({}).count == 0);
  CHECK(summed({-7}).largest == -7);
}

}  // namespace bitjoule::mean_test
