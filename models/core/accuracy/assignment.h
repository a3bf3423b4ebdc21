// Which of several choices each group takes, so that all together cost least and lose no more than
// they may: the multiple-choice knapsack problem.
#pragma once

#include <cstddef>
#include <vector>

namespace bitjoule {

struct Choice {
  double cost = 0;  ///< in any unit, above or below that of others
  double loss = 0;  ///< at least 0; of several groups losses add up
};

/// The choice of each group that makes the sum of costs least while the losses sum to no more than
/// `budget`, every loss rounded up to a thousandth of it over the number of groups: so the sum
/// never exceeds it, and an assignment that loses less by that much is never missed. Of equals the
/// one with earlier choices. Empty where no assignment keeps the budget.
std::vector<std::size_t> cheapest_assignment(const std::vector<std::vector<Choice>>& groups,
                                             double budget);

}  // namespace bitjoule
