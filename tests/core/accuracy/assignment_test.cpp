#include "core/accuracy/assignment.h"

#include <doctest/doctest.h>

#include <random>

namespace bitjoule::assignment_test {

namespace {

struct Sum {
  double cost = 0, loss = 0;
};

Sum sum_of(const std::vector<std::vector<Choice>>& groups, const std::vector<std::size_t>& chosen) {
  Sum sum;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    sum.cost += groups[g][chosen[g]].cost;
    sum.loss += groups[g][chosen[g]].loss;
  }
  return sum;
}

/// By trying all.
double least_cost(const std::vector<std::vector<Choice>>& groups, double budget) {
  double least = 1e300;
  std::vector<std::size_t> chosen(groups.size());
  while (true) {
    const Sum sum = sum_of(groups, chosen);
    if (sum.loss <= budget && sum.cost < least) least = sum.cost;
    std::size_t g = 0;
    for (; g < groups.size() && ++chosen[g] == groups[g].size(); ++g) chosen[g] = 0;
    if (g == groups.size()) return least;
  }
}

}  // namespace

TEST_CASE("assignment: by hand") {
  // Two groups, each 32 bits at no loss or 8 or 4 bits. Within 3 the first takes 4 bits, which cost
  // it little, the second 8.
  const std::vector<std::vector<Choice>> groups = {{{32, 0}, {8, 0.5}, {4, 1}},
                                                   {{32, 0}, {8, 1}, {4, 9}}};
  CHECK(cheapest_assignment(groups, 3) == std::vector<std::size_t>{2, 1});
  CHECK(cheapest_assignment(groups, 10) == std::vector<std::size_t>{2, 2});
  CHECK(cheapest_assignment(groups, 0) == std::vector<std::size_t>{0, 0});
  CHECK(cheapest_assignment(groups, -1).empty());
  CHECK(cheapest_assignment({{{1, 2}}}, 1).empty());
  // A budget that is met exactly holds.
  CHECK(cheapest_assignment(groups, 2) == std::vector<std::size_t>{2, 1});
}

TEST_CASE("assignment: as good as trying all, but for the rounding") {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<std::vector<Choice>> groups(5);
    for (std::vector<Choice>& choices : groups) {
      choices.push_back({10 * uniform(random), 0});
      for (int c = 0; c < 3; ++c) choices.push_back({10 * uniform(random), uniform(random)});
    }
    const double budget = 2 * uniform(random);
    const Sum sum = sum_of(groups, cheapest_assignment(groups, budget));
    CHECK(sum.loss <= budget);
    CHECK(sum.cost >= least_cost(groups, budget) - 1e-9);
    CHECK(sum.cost <= least_cost(groups, budget * 0.999) + 1e-9);
  }
}

}  // namespace bitjoule::assignment_test
