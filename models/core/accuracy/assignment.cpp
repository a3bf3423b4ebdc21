#include "core/accuracy/assignment.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/index.h"
#include "core/interrupt.h"

namespace bitjoule {
namespace {

constexpr double kImpossible = std::numeric_limits<double>::infinity();
constexpr std::int64_t kStepsPerGroup = 1000;

}  // namespace

std::vector<std::size_t> cheapest_assignment(const std::vector<std::vector<Choice>>& groups,
                                             double budget) {
  if (!(budget >= 0)) return {};
  const std::int64_t steps = kStepsPerGroup * static_cast<std::int64_t>(groups.size());
  const double step = budget / static_cast<double>(steps);
  const auto steps_of = [&](double loss) {
    if (loss == 0) return std::int64_t{0};
    const double wanted = std::ceil(loss / step);
    return wanted <= static_cast<double>(steps) ? static_cast<std::int64_t>(wanted) : steps + 1;
  };
  // least[s]: of the groups so far, whose losses take at most s steps.
  std::vector<double> least(at(steps + 1), 0.0);
  std::vector<std::vector<std::size_t>> chosen;
  for (const std::vector<Choice>& choices : groups) {
    check_interrupt_after(steps * static_cast<std::int64_t>(choices.size()));
    std::vector<double> next(least.size(), kImpossible);
    std::vector<std::size_t>& choice = chosen.emplace_back(least.size(), choices.size());
    for (std::size_t c = 0; c < choices.size(); ++c) {
      const std::int64_t takes = steps_of(choices[c].loss);
      for (std::int64_t s = takes; s <= steps; ++s) {
        const double cost = least[at(s - takes)] + choices[c].cost;
        if (cost < next[at(s)]) {
          next[at(s)] = cost;
          choice[at(s)] = c;
        }
      }
    }
    least = std::move(next);
  }
  if (least.back() == kImpossible) return {};
  std::vector<std::size_t> assignment(groups.size());
  std::int64_t left = steps;
  for (std::size_t g = groups.size(); g-- > 0;) {
    assignment[g] = chosen[g][at(left)];
    left -= steps_of(groups[g][assignment[g]].loss);
  }
  return assignment;
}

}  // namespace bitjoule
