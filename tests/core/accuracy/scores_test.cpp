#include "core/accuracy/scores.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace bitjoule::scores_test {

using doctest::Approx;

TEST_CASE("scores: log of a sum of exponentials") {
  const double equal[] = {3, 3, 3, 3};
  CHECK(log_sum_exp(equal, 4) == Approx(3 + std::log(4.0)));
  const double logs[] = {std::log(1.0), std::log(2.0), std::log(5.0)};
  CHECK(log_sum_exp(logs, 3) == Approx(std::log(8.0)));
  const double large[] = {1000, 1000};  // exp(1000) is no double
  CHECK(log_sum_exp(large, 2) == Approx(1000 + std::log(2.0)));
  const double one[] = {-7};
  CHECK(log_sum_exp(one, 1) == -7);
}

TEST_CASE("scores: the likeliest and ranks - equal ones in their order") {
  const double x[] = {1, 5, 2, 5, 0};
  CHECK(likeliest(x, 5) == 1);
  CHECK(rank_of(x, 5, 1) == 0);
  CHECK(rank_of(x, 5, 3) == 1);
  CHECK(rank_of(x, 5, 2) == 2);
  CHECK(rank_of(x, 5, 4) == 4);
  const double nan[] = {1, std::numeric_limits<double>::quiet_NaN(), 2};  // nothing is likely
  for (std::int64_t i = 0; i < 3; ++i) CHECK(rank_of(nan, 3, i) == 3);
}

TEST_CASE("scores: KL divergence by hand") {
  // p = 1/2, 1/4, 1/4 and q = 1/4, 1/4, 1/2, as logits with any offset.
  const double p[] = {std::log(2.0) + 9, 9, 9};
  const double q[] = {-3, -3, std::log(2.0) - 3};
  CHECK(kl_divergence(p, q, 3) == Approx(0.25 * std::log(2.0)));
  CHECK(kl_divergence(p, p, 3) == Approx(0).epsilon(1e-15));
  // What p never says costs nothing; what q never says and p does is infinite.
  const double never[] = {0, -std::numeric_limits<double>::infinity()};
  const double both[] = {0, 0};
  CHECK(kl_divergence(never, both, 2) == Approx(std::log(2.0)));
  CHECK(std::isinf(kl_divergence(both, never, 2)));
}

TEST_CASE("scores: a prediction by hand") {
  // Odds 1 : 2 : 4 : 1 of the network, 1 : 8 : 4 : 3 of the reference; class 1 would be right.
  const float logits[] = {std::log(1.0F), std::log(2.0F), std::log(4.0F), std::log(1.0F)};
  const double reference[] = {0, std::log(8.0), std::log(4.0), std::log(3.0)};
  const Prediction p = score_prediction(logits, reference, 4, 1);
  CHECK(p.nll == Approx(std::log(4.0)).epsilon(1e-6));
  CHECK(p.reference_nll == Approx(std::log(2.0)));
  CHECK(p.predicted == 2);
  CHECK(p.reference_predicted == 1);
  CHECK(p.rank == 1);
  CHECK(p.reference_rank == 0);
  CHECK_FALSE(p.is_right());
  CHECK(p.is_reference_right());
  CHECK_FALSE(p.agrees);
  CHECK(p.agrees5);  // of four classes each is among five
  const double kl = 1 / 16.0 * std::log(0.5) + 8 / 16.0 * std::log(2.0) + 4 / 16.0 * std::log(0.5) +
                    3 / 16.0 * std::log(1.5);
  CHECK(p.kl == Approx(kl).epsilon(1e-6));
}

TEST_CASE("scores: the fifth is among five and the sixth is not") {
  const float logits[] = {9, 8, 7, 6, 5, 4};
  const double fifth[] = {0, 0, 0, 0, 1, 0}, sixth[] = {0, 0, 0, 0, 0, 1};
  CHECK(score_prediction(logits, fifth, 6, 0).agrees5);
  CHECK_FALSE(score_prediction(logits, sixth, 6, 0).agrees5);
}

}  // namespace bitjoule::scores_test
