#include "core/numeric/operand_transform.h"

#include <doctest/doctest.h>

#include <random>

#include "core/index.h"

namespace bitjoule::operand_transform_test {

namespace {

TensorFormat int4() {
  TensorFormat format;
  format.format = "int4";
  format.granularity = Granularity::kPerChannel;
  return format;
}

}  // namespace

TEST_CASE("operand transforms: smooth shares the range of inputs and weights") {
  const InputMagnitudes inputs{{16, 1, 0, 4}, {}};
  const std::vector<ReaderWeights> readers = {{{1, -2, 3, 0}, int4()}, {{-4, 1, 3, 0}, int4()}};
  // The largest weights of the columns: 4, 2, 3, 0. t = w^(1 - a) / x^a.
  CHECK(smooth_factors(inputs, readers, 0.5) ==
        std::vector<float>{0.5f, std::sqrt(2.0f), 1.0f, 1.0f});
  CHECK(smooth_factors(inputs, readers, 1) == std::vector<float>{1.0f / 16, 1.0f, 1.0f, 1.0f});
}

TEST_CASE("operand transforms: AWQ spares the weights of large inputs, as far as that helps") {
  // Two columns: the first meets inputs of 100, the second of 1. Alone the first is rounded from
  // 0.55 to 4 / 7 of 1; its factor 1 / s lets it use the codes better.
  const InputMagnitudes inputs{{100, 1}, {100, 1}};
  const InputMoments moments{2, {10000, 0, 0, 1}};
  const std::vector<float> t = awq_factors(inputs, moments, {{{0.55f, 1.0f}, int4()}});
  CHECK(t[0] < t[1]);
  CHECK(t[0] * t[1] == doctest::Approx(1));
  // Weights that are codes already lose nothing as they are: of equals the first power, 0.
  CHECK(awq_factors(inputs, moments, {{{1.0f, 0.0f}, int4()}}) == std::vector<float>{1, 1});
}

TEST_CASE("operand transforms: a Hadamard rotation by its definition") {
  CHECK(hadamard_stages(172) == 2);
  CHECK(hadamard_stages(64) == 6);
  CHECK(hadamard_stages(7) == 0);
  std::vector<double> x = {1, 2, 3, 4, 1, 0, 0, 0};
  hadamard(x.data(), 8, 2);  // blocks of 4
  CHECK(x == std::vector<double>{5, -1, -2, 0, 0.5, 0.5, 0.5, 0.5});
  hadamard(x.data(), 8, 2);
  CHECK(x == std::vector<double>{1, 2, 3, 4, 1, 0, 0, 0});
}

TEST_CASE("operand transforms: moments are those of inputs that are transformed") {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  constexpr std::int64_t kSize = 8, kRows = 20;
  std::vector<double> x(at(kRows * kSize));
  for (double& value : x) value = normal(random);
  const auto moments_of = [&](const std::vector<double>& rows) {
    InputMoments m{kSize, std::vector<double>(at(kSize * kSize))};
    for (std::int64_t r = 0; r < kRows; ++r)
      for (std::int64_t i = 0; i < kSize; ++i)
        for (std::int64_t j = 0; j < kSize; ++j)
          m.mean[at(i * kSize + j)] +=
              rows[at(r * kSize + i)] * rows[at(r * kSize + j)] / static_cast<double>(kRows);
    return m;
  };
  std::vector<float> factors;
  for (std::int64_t i = 0; i < kSize; ++i) factors.push_back(0.5f + static_cast<float>(i));
  std::vector<double> y = x, z = x;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] *= static_cast<double>(factors[i % at(kSize)]);
  for (std::int64_t r = 0; r < kRows; ++r) hadamard(&z[at(r * kSize)], kSize, 3);
  const InputMoments original = moments_of(x);
  const auto check = [](const InputMoments& got, const InputMoments& expected) {
    for (std::size_t i = 0; i < got.mean.size(); ++i)
      CHECK(got.mean[i] == doctest::Approx(expected.mean[i]).epsilon(1e-9));
  };
  check(scaled(original, factors), moments_of(y));
  check(rotated(original, 3), moments_of(z));
}

}  // namespace bitjoule::operand_transform_test
