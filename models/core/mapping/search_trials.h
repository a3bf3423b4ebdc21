// Single tilings of a search: bounded, counted, and only if they may still win, estimated.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/search.h"
#include "core/mapping/search_boxes.h"
#include "core/mapping/search_goal.h"

namespace bitjoule {

class SearchTrials {
 public:
  /// All outlive it.
  SearchTrials(const MappingProblem& problem, const MappingSpace& space,
               const std::vector<Objective>& goals, const std::shared_ptr<EnergyModel>& energy,
               const EnergyRates& rates);

  /// What nothing in the box is cheaper than by `objective`, or by the goal's; nothing where
  /// it holds no tiling that may fit.
  std::optional<MappingCost> bound(const Box& box, const Objective& objective) const;
  std::optional<MappingCost> bound(const Box& box) const { return bound(box, goal_->objective()); }
  /// The same of a single tiling, whose buffers can be divided for it; and what it is made of.
  std::optional<MappingCost> point_bound(const Box& box);
  std::optional<CostBound> point_limits(const Box& box);
  bool may_fit(const Box& point) const { return bounds_.feasible(point) && divides(point); }
  /// Whether all do but what is the same under another scheme.
  bool all_fit() const { return bounds_.all_fit() && !flexible_; }
  /// Whether buffers are divided anew for each tiling.
  bool flexible() const { return flexible_; }
  /// Cycles alone.
  double least_cycles(const Box& box) const;

  /// Estimates a tiling at once if its bound allows it, and if that was not done before. Whether it
  /// is better than the best.
  bool attempt(Box box);
  /// From now on by another objective of `goals`: of all that is estimated each knows.
  void set_goal(std::size_t goal) { goal_ = &goals_[goal]; }

  /// The bound of a tiling with its exact traffic; nothing where it does not fit, or was
  /// estimated before.
  std::optional<MappingCost> counted_bound(const Box& box);
  /// Estimates it, so far as it may be better than the best.
  void estimate(const Box& box);

  /// Estimates it, whether or not it may be better, if its first cost may be as low as `most`: it
  /// may be among the closest.
  void estimate_close(const Box& box, double most);

  const SearchGoal& goal() const { return *goal_; }
  std::size_t number() const { return static_cast<std::size_t>(goal_ - goals_.data()); }
  const std::vector<SearchGoal>& goals() const { return goals_; }

  // Tilings that were estimated, and those that did not fit.
  std::int64_t estimated = 0, misfits = 0;

 private:
  /// A tiling but for the ways to buffer its tiles and the orders of its folds.
  struct Choice {
    Tiling tiling;
    TileCounts counts;
    MappingEstimate least;  ///< with the array's time only where that is `timed`
    bool timed = false;
  };

  struct BoxBound {
    std::optional<bool> fits;
    CostBound bound;  ///< where it fits
  };

  /// What is known of a tiling.
  struct Point {
    std::optional<bool> fits, divides;  ///< by its bound; the buffers, where they are left open
    CostBound bound;                    ///< where it fits
    bool tried = false;
    std::uint32_t beaten = 0;     ///< by bounds alone, when attempted: a bit for each goal
    std::vector<Choice> choices;  ///< counted, not yet estimated
  };

  Point& bounded(const Box& box);
  Tiling tiling_of(const Box& box) const;
  bool divides(const Box& box) const;
  std::uint16_t without_full_k(std::uint16_t scheme) const;
  std::vector<Choice>* counted(const Box& box, double least_cycles);
  std::optional<MappingCost> counted_bound(const Box& box, double least_cycles);
  void add_array(Choice& choice) const;
  bool is_even(const Tiling& tiling) const;
  void estimate_choice(const Box& box, const Choice& choice);
  MappingCost bound_of(const Choice& choice) const {
    return cost_of(goal_->objective(), choice.least);
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  MachineSetting setting_ = settings(p_.machine).front();
  const bool flexible_ = p_.machine.buffers.flexible();
  // With the largest buffers that a tiling may have, and with those that one has.
  MappingProblem roomiest_, divided_;
  EnergyRates energy_;
  Bounds bounds_;
  Estimator limits_, estimator_;
  TileCounter counter_;
  PointTable<Point> points_;
  mutable PointTable<BoxBound, BoxKey> boxes_;  // every goal asks for those of the dives
  std::deque<MappingAlternative> estimates_;    // that goals may know
  std::vector<SearchGoal> goals_;
  SearchGoal* goal_;
};

}  // namespace bitjoule
