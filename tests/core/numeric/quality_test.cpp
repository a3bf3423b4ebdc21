#include "core/numeric/quality.h"

#include <doctest/doctest.h>

#include <cmath>

namespace bitjoule::quality_test {

TEST_CASE("quality: by hand") {
  const double reference[] = {3, 4};
  const float got[] = {3, 5};
  QualityMeter meter;
  meter.add(reference, got, 1);
  meter.add(reference + 1, got + 1, 1);
  const Quality q = meter.result();
  CHECK(q.count == 2);
  CHECK(q.max_abs == 1);
  CHECK(q.mean_abs == 0.5);
  CHECK(q.sqnr_db == doctest::Approx(10 * std::log10(25.0 / 1.0)));
  CHECK(q.cosine == doctest::Approx((9.0 + 20.0) / std::sqrt(25.0 * 34.0)));
}

TEST_CASE("quality: equal, zero and non-finite values") {
  const double reference[] = {1, NAN, INFINITY, 2, 0};
  const float same[] = {1, NAN, INFINITY, 2, 0};
  QualityMeter equal;
  equal.add(reference, same, 5);
  CHECK(equal.result().count == 3);
  CHECK(equal.result().not_finite == 2);
  CHECK(equal.result().sqnr_db == INFINITY);
  CHECK(equal.result().cosine == doctest::Approx(1));
  CHECK(equal.result().max_abs == 0);

  const float zero[] = {0, 0, 0};
  const float ones[] = {1, 1, 1};
  QualityMeter zeros;
  zeros.add(zero, zero, 3);
  CHECK(zeros.result().sqnr_db == INFINITY);
  CHECK(zeros.result().cosine == 1);
  QualityMeter noise;
  noise.add(zero, ones, 3);
  CHECK(noise.result().sqnr_db == -INFINITY);
  CHECK(noise.result().cosine == 0);
  CHECK(QualityMeter().result().mean_abs == 0);
  // Nothing finite is not exact.
  QualityMeter nothing;
  nothing.add(reference + 1, same + 1, 2);
  CHECK(std::isnan(nothing.result().sqnr_db));
}

}  // namespace bitjoule::quality_test
