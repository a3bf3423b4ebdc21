#include "core/accuracy/joint_loss.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace bitjoule::joint_loss_test {
namespace {

/// Three groups of two choices each beside none: losses 1 to 6, sizes their roots rounded.
JointLoss of_three() {
  return {{{{0, 0}, {-1, 1}, {-2, 2}}, {{0, 0}, {-1, 3}, {-2, 4}}, {{0, 0}, {-1, 5}, {-2, 6}}},
          {{0, 1, 1}, {0, 2, 2}, {0, 0.01, 3}}};
}

}  // namespace

TEST_CASE("joint loss: alone, pairs that are known, and others as those on average") {
  JointLoss losses = of_three();
  CHECK(losses.of({0, 0, 0}) == 0);
  CHECK(losses.of({1, 2, 1}) == 1 + 4 + 5);
  losses.learn({{0, 1}, {1, 2}}, 5.5);  // 0.5 beyond 1 and 4, of the size 1 * 2
  CHECK(losses.of({1, 2, 0}) == 5.5);
  CHECK(losses.of({2, 2, 0}) == 2 + 4 + 0.25 * 1 * 2);
  CHECK(losses.of({1, 2, 2}) == doctest::Approx(1 + 4 + 6 + 0.5 + 0.25 * (1 * 3 + 2 * 3)));
  losses.learn({{0, 2}, {1, 2}}, 5);  // 1 less than 2 and 4: a gain
  CHECK(losses.of({2, 2, 0}) == 5);
  CHECK(losses.of({1, 1, 0}) == doctest::Approx(1 + 3 - 0.5 / 4 * 2));
}

TEST_CASE("joint loss: pairs that may matter, the largest first") {
  JointLoss losses = of_three();
  using Pair = JointLoss::Pair;
  const std::vector<Pair> pairs = losses.unknown({1, 2, 2});
  REQUIRE(pairs.size() == 3);
  const auto groups = [](const Pair& p) { return std::pair(p.first.group, p.second.group); };
  CHECK(groups(pairs[0]) == std::pair<std::size_t, std::size_t>(1, 2));  // 2 * 3
  CHECK(groups(pairs[1]) == std::pair<std::size_t, std::size_t>(0, 2));
  CHECK(groups(pairs[2]) == std::pair<std::size_t, std::size_t>(0, 1));
  // 0.01 and 0.02 are less than 0.03 of 2.
  CHECK(losses.unknown({1, 2, 1}).size() == 1);
  losses.learn(pairs[1], 9);
  CHECK(losses.unknown({1, 2, 2}).size() == 2);
  CHECK(losses.unknown({0, 0, 0}).empty());
  CHECK(losses.unknown({1, 0, 0}).empty());
}

/// Where all pairs are known and the best is its own surrounding, nothing near it is better.
TEST_CASE("joint loss: what is cheapest around an assignment keeps what is allowed there") {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  int fixed = 0;
  for (int trial = 0; trial < 100; ++trial) {
    constexpr std::size_t kGroups = 4, kChoices = 3;
    std::vector<std::vector<Choice>> choices(kGroups);
    std::vector<std::vector<double>> sizes(kGroups, {0, 1, 1});
    for (auto& of_group : choices) {
      of_group = {{0, 0}};
      while (of_group.size() < kChoices)
        of_group.push_back({-uniform(random), uniform(random) - 0.1});
    }
    JointLoss losses(choices, sizes);
    for (std::size_t g = 0; g < kGroups; ++g)
      for (std::size_t h = g + 1; h < kGroups; ++h)
        for (std::size_t c = 1; c < kChoices; ++c)
          for (std::size_t d = 1; d < kChoices; ++d)
            losses.learn({{g, c}, {h, d}},
                         choices[g][c].loss + choices[h][d].loss + 0.2 * (uniform(random) - 0.5));
    JointLoss::Assignment around(kGroups, 0);
    const double allowed = 0.8;
    for (int round = 0; round < 10; ++round) {
      const JointLoss::Assignment next = losses.cheapest(allowed, around);
      REQUIRE(!next.empty());
      if (next == around) break;
      around = next;
    }
    if (losses.cheapest(allowed, around) != around) continue;  // two that lead to one another
    ++fixed;
    CHECK(losses.of(around) <= allowed + 1e-12);
    const auto cost = [&](const JointLoss::Assignment& a) {
      double sum = 0;
      for (std::size_t g = 0; g < kGroups; ++g) sum += choices[g][a[g]].cost;
      return sum;
    };
    for (std::size_t g = 0; g < kGroups; ++g)
      for (std::size_t c = 0; c < kChoices; ++c) {
        JointLoss::Assignment other = around;
        other[g] = c;  // its loss is exact; one that rounding up may miss aside
        if (losses.of(other) <= allowed - 0.01) CHECK(cost(other) >= cost(around) - 1e-12);
      }
  }
  CHECK(fixed > 50);
}

}  // namespace bitjoule::joint_loss_test
