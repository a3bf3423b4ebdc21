// What a search knows of the best by one objective.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/few.h"
#include "core/mapping/mapper.h"
#include "core/mapping/objective.h"
#include "core/mapping/search_boxes.h"

namespace bitjoule {

/// A tiling and what it costs by an objective, at the memory's peak where nothing else is said.
using CostedTiling = std::pair<MappingCost, MappingAlternative>;

/// The same of one that somebody else keeps.
using RankedTiling = std::pair<MappingCost, const MappingAlternative*>;

class SearchGoal {
 public:
  SearchGoal(const Objective& objective, std::size_t schemes)
      : objective_(objective), best_costs_(schemes), best_boxes_(schemes) {}

  const Objective& objective() const { return objective_; }
  /// Whether something with this bound may be better than the best.
  bool may_win(const MappingCost& bound) const { return !any() || bound < cost_; }
  bool any() const { return !closest_.empty(); }
  const MappingCost& cost() const { return cost_; }

  /// `even`: its tiles are all equal. `one` outlives it.
  void note(const Box& box, const MappingAlternative& one, bool even);

  /// The few best of all, the best first.
  const std::vector<RankedTiling>& closest() const { return closest_; }
  /// The few best whose tiles are all equal.
  const std::vector<RankedTiling>& even() const { return even_; }
  /// Where the best are: of all, then of each scheme.
  using Boxes = Few<Box, 14>;
  Boxes best_boxes() const;

 private:
  Objective objective_;
  MappingCost cost_;
  Box best_box_;
  std::vector<std::optional<MappingCost>> best_costs_;  // of each scheme
  std::vector<std::optional<Box>> best_boxes_;          // of each scheme
  std::vector<RankedTiling> closest_, even_;
};

/// Whether two tilings ask the memory for the same: equal tiles and loops.
bool ask_the_same(const Tiling& a, const Tiling& b);
/// ... and also run the same folds and hold their tiles alike.
bool is_same(const Tiling& a, const Tiling& b);

}  // namespace bitjoule
