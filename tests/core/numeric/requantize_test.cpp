#include "core/numeric/requantize.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/error.h"

namespace bitjoule::requantize_test {
namespace {

std::int32_t requantize(Requantize mode, double multiplier, std::int32_t acc) {
  return Requantizer(mode, {multiplier}, 0, {INT32_MIN, INT32_MAX})(acc, 0);
}

}  // namespace

TEST_CASE("requantize: golden vectors of gemmlowp and TFLite") {
  const FixedPointMultiplier m = fixed_point_multiplier(0.0072474273418460);
  CHECK(m.m0 == 1992157658);
  CHECK(m.shift == -7);
  constexpr auto kDouble = Requantize::kTfliteDoubleRounding;
  CHECK(requantize(kDouble, 0.0072474273418460, 12345) == 89);
  CHECK(requantize(kDouble, 0.0072474273418460, -12345) == -89);
  CHECK(requantize(kDouble, 0.0072474273418460, 100) == 1);

  CHECK(fixed_point_multiplier(0.5).m0 == 1 << 30);
  CHECK(fixed_point_multiplier(0.5).shift == 0);
  const struct {
    std::int32_t acc, expected;
  } halves[] = {{12345, 6173}, {-12345, -6172}, {-1, 0}, {3, 2}, {-3, -1}};
  for (const auto& row : halves) CHECK(requantize(kDouble, 0.5, row.acc) == row.expected);
}

TEST_CASE("requantize: the three modes differ at ties as their names say") {
  // 5 / 2 = 2.5, -5 / 2 = -2.5, 7 / 2 = 3.5
  constexpr auto kSingle = Requantize::kTfliteSingleRounding;
  CHECK(requantize(kSingle, 0.5, 5) == 3);  // towards +infinity
  CHECK(requantize(kSingle, 0.5, -5) == -2);
  constexpr auto kEven = Requantize::kOnnxHalfEven;
  CHECK(requantize(kEven, 0.5, 5) == 2);
  CHECK(requantize(kEven, 0.5, -5) == -2);
  CHECK(requantize(kEven, 0.5, 7) == 4);
  // 6 / 4 = 1.5: the doubling multiply is exact, the division rounds away from zero.
  constexpr auto kDouble = Requantize::kTfliteDoubleRounding;
  CHECK(requantize(kDouble, 0.25, 6) == 2);
  CHECK(requantize(kDouble, 0.25, -6) == -2);
  // 0.75 * 2 = 1.5 in M0 = 0.75 * 2^31: rounded first to 2, then halved: two roundings show.
  CHECK(requantize(kDouble, 0.375, 2) == 1);  // 0.75 exactly: high mul gives 2 (1.5), 2 / 2 = 1
  CHECK(requantize(kDouble, 0.375, 1) == 1);  // 0.375: high mul gives 1 (0.75), 1 / 2 rounds to 1
  CHECK(requantize(kSingle, 0.375, 1) == 0);
}

TEST_CASE("requantize: XNNPACK's factor and product are fp32") {
  constexpr auto kXnnpack = Requantize::kTfliteXnnpack;
  CHECK(requantize(kXnnpack, 0.5, 5) == 2);  // ties to even
  CHECK(requantize(kXnnpack, 0.5, 7) == 4);
  // 2^24 + 1 is no float: it becomes 2^24.
  CHECK(requantize(kXnnpack, 1, (1 << 24) + 1) == 1 << 24);
  CHECK(requantize(Requantize::kOnnxHalfEven, 1, (1 << 24) + 1) == (1 << 24) + 1);
}

TEST_CASE("requantize: factors of layers by the type of their products") {
  const float x = 0.1f, w = 0.3f, y = 0.7f;
  const float product = x * w;  // rounded: 24 bits times 24 bits are 48
  REQUIRE(static_cast<double>(product) != static_cast<double>(x) * static_cast<double>(w));
  constexpr auto kDouble = Requantize::kTfliteDoubleRounding;
  const auto wide = static_cast<double>(y);
  CHECK(SumRequantization{kDouble, ScaleProduct::kAllFp64, false}.multiplier(x, w, y) ==
        static_cast<double>(x) * static_cast<double>(w) / wide);
  CHECK(SumRequantization{kDouble, ScaleProduct::kProductFp32, false}.multiplier(x, w, y) ==
        static_cast<double>(product) / wide);
  const auto ratio = static_cast<double>(product / y);
  CHECK(SumRequantization{kDouble, ScaleProduct::kAllFp32, false}.multiplier(x, w, y) == ratio);
  CHECK(SumRequantization{Requantize::kTfliteXnnpack, ScaleProduct::kAllFp64, false}.multiplier(
            x, w, y) == ratio);
}

TEST_CASE("requantize: decomposition of random factors is right to 31 bits") {
  std::mt19937_64 random(7);
  MESSAGE("seed 7");
  std::uniform_real_distribution<double> exponent(-30, 29);
  for (int i = 0; i < 10000; ++i) {
    const double real = std::exp2(exponent(random));
    const FixedPointMultiplier m = fixed_point_multiplier(real);
    CHECK(m.m0 >= 1 << 30);
    const double back = std::ldexp(static_cast<double>(m.m0), m.shift - 31);
    CHECK(std::abs(back / real - 1) <= std::ldexp(1.0, -31));
  }
  // Just below 1 the mantissa rounds up to 2^31: halved, shift one more.
  const FixedPointMultiplier almost_one = fixed_point_multiplier(std::nextafter(1.0, 0.0));
  CHECK(almost_one.m0 == 1 << 30);
  CHECK(almost_one.shift == 1);
  CHECK(fixed_point_multiplier(0).m0 == 0);
  CHECK(fixed_point_multiplier(1e-30).m0 == 0);
  CHECK_THROWS_AS(fixed_point_multiplier(-1), Error);
  CHECK_THROWS_AS(fixed_point_multiplier(NAN), Error);
  CHECK_THROWS_AS(fixed_point_multiplier(std::ldexp(1.0, 30)), Error);
}

TEST_CASE("requantize: single rounding equals floor(x + 1/2) of the exact product") {
  std::mt19937_64 random(11);
  MESSAGE("seed 11");
  std::uniform_real_distribution<double> exponent(-12, -1);
  std::uniform_int_distribution<std::int32_t> acc(-(1 << 18), 1 << 18);
  for (int i = 0; i < 10000; ++i) {
    const double real = std::exp2(exponent(random));
    const std::int32_t a = acc(random);
    const FixedPointMultiplier m = fixed_point_multiplier(real);
    // a * m0 has at most 50 bits: exact in double.
    const double exact = std::ldexp(static_cast<double>(a) * m.m0, m.shift - 31);
    CHECK(requantize(Requantize::kTfliteSingleRounding, real, a) == std::floor(exact + 0.5));
  }
}

TEST_CASE("requantize: primitives at their limits") {
  CHECK(saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MIN) == INT32_MAX);
  CHECK(saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MAX) == -INT32_MAX);
  CHECK(saturating_rounding_doubling_high_mul(1 << 30, 1) == 1);     // 0.5 away from zero
  CHECK(saturating_rounding_doubling_high_mul(-(1 << 30), 1) == 0);  // gemmlowp: -0.5 gives 0
  CHECK(rounding_divide_by_pot(5, 1) == 3);
  CHECK(rounding_divide_by_pot(-5, 1) == -3);
  CHECK(rounding_divide_by_pot(INT32_MIN, 31) == -1);
  CHECK(rounding_divide_by_pot(INT32_MAX, 31) == 1);
  CHECK(rounding_divide_by_pot(7, 0) == 7);
}

TEST_CASE("requantize: zero-point, per-channel factors and clamps") {
  const Requantizer per_channel(Requantize::kOnnxHalfEven, {0.5, 0.25}, 3, clamp_range("int8"));
  CHECK(per_channel(100, 0) == 53);
  CHECK(per_channel(100, 1) == 28);
  CHECK(per_channel(1000, 0) == 127);
  CHECK(per_channel(-1000, 0) == -128);
  CHECK(clamp_range("uint4").lo == 0);
  CHECK(clamp_range("uint4").hi == 15);
  CHECK(clamp_range("int2").lo == -2);
  CHECK(clamp_range("uint16").hi == 65535);
  CHECK_THROWS_AS(clamp_range("fp32"), Error);
  // relu6 with scale 0.1 and zero-point -128: codes -128..-68.
  const ClampRange relu6 = activation_range(clamp_range("int8"), 0.1f, -128, 0.0, 6.0);
  CHECK(relu6.lo == -128);
  CHECK(relu6.hi == -68);
  const ClampRange relu = activation_range(clamp_range("int8"), 0.1f, 5, 0.0, INFINITY);
  CHECK(relu.lo == 5);
  CHECK(relu.hi == 127);
}

TEST_CASE("requantize: many accumulators at once are those one by one") {
  // Ties, both ends of the accumulators and of the codes; enough of them for every way a loop ends.
  std::mt19937 random(13);
  std::vector<std::int32_t> sums = {INT32_MIN, INT32_MAX, 0, 1, -1, 2, 3, 5, -5, 7, 254, 255, 256};
  while (sums.size() < 150) sums.push_back(static_cast<std::int32_t>(random()) >> (random() % 31));
  std::vector<double> factors(sums.size());
  for (double& factor : factors)
    factor = std::ldexp(0.5 + static_cast<double>(random() % 3) / 8, -3);
  for (const auto mode : {Requantize::kOnnxHalfEven, Requantize::kTfliteXnnpack,
                          Requantize::kTfliteDoubleRounding, Requantize::kTfliteSingleRounding})
    for (const ClampRange range : {ClampRange{-128, 127}, ClampRange{0, 255}, ClampRange{-7, 7}})
      for (const bool is_one : {true, false}) {
        const std::vector<double> used = is_one ? std::vector<double>{0.125} : factors;
        const Requantizer requantizer(mode, used, 3, range);
        constexpr std::size_t kFirst = 5;
        const auto n = static_cast<std::int64_t>(sums.size() - kFirst);
        std::vector<std::int32_t> codes(sums.size(), -1000);
        requantizer.codes(&sums[kFirst], n, kFirst, &codes[kFirst]);
        std::int64_t wrong = 0;
        for (std::size_t i = 0; i < sums.size(); ++i)
          wrong +=
              codes[i] != (i < kFirst ? -1000 : requantizer(sums[i], static_cast<std::int64_t>(i)));
        CHECK(wrong == 0);
      }
}

}  // namespace bitjoule::requantize_test
