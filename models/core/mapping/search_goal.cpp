#include "core/mapping/search_goal.h"

#include <algorithm>
#include <tuple>

#include "core/mapping/search.h"

namespace bitjoule {
namespace {

// As many of the best are told: their costs lie close together.
constexpr std::size_t kMostClosest = 24, kMostEven = 3;

/// Among the `most` best, the best first; one of those that ask the memory for the same.
void keep(const MappingCost& cost, const MappingAlternative& one, std::size_t most,
          std::vector<RankedTiling>& best) {
  const auto same = std::find_if(best.begin(), best.end(), [&](const RankedTiling& known) {
    return ask_the_same(known.second->tiling, one.tiling);
  });
  if (same != best.end()) {
    if (!(cost < same->first)) return;
    best.erase(same);
  }
  if (best.size() == most) {
    if (!(cost < best.back().first)) return;
    best.pop_back();
  }
  const auto at = std::upper_bound(
      best.begin(), best.end(), cost,
      [](const MappingCost& other, const RankedTiling& known) { return other < known.first; });
  best.emplace(at, cost, &one);
}

}  // namespace

bool ask_the_same(const Tiling& a, const Tiling& b) {
  const auto asks = [](const Tiling& t) {
    return std::tie(t.groups, t.batch, t.out_rows, t.out_cols, t.n, t.k, t.input_full_k, t.order);
  };
  return asks(a) == asks(b);
}

bool is_same(const Tiling& a, const Tiling& b) {
  const auto members = [](const Tiling& t) {
    return std::tie(t.fold_order, t.groups_at_once, t.single);
  };
  return ask_the_same(a, b) && members(a) == members(b);
}

void SearchGoal::note(const Box& box, const MappingAlternative& one, bool even) {
  const MappingCost cost = cost_of(objective_, one.estimate);
  std::optional<MappingCost>& of_scheme = best_costs_[box.scheme];
  if (!of_scheme || cost < *of_scheme) {
    of_scheme = cost;
    best_boxes_[box.scheme] = box;
  }
  if (may_win(cost)) {
    best_box_ = box;
    cost_ = cost;
  }
  keep(cost, one, kMostClosest, closest_);
  if (even) keep(cost, one, kMostEven, even_);
}

SearchGoal::Boxes SearchGoal::best_boxes() const {
  Boxes boxes;
  boxes.push_back(best_box_);
  for (const std::optional<Box>& box : best_boxes_)
    if (box) boxes.push_back(*box);
  return boxes;
}

}  // namespace bitjoule
