// Single tilings of a search: bounded, counted, and only if they may still win, estimated.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/mapping/bounds.h"
#include "core/mapping/search.h"
#include "core/mapping/search_boxes.h"

namespace bitjoule {

class SearchTrials {
 public:
  /// All outlive it.
  SearchTrials(const MappingProblem& problem, const MappingSpace& space, const Objective& objective,
               const std::shared_ptr<EnergyModel>& energy);

  /// What nothing in the box is cheaper than by `objective`, or by the search's own; nothing where
  /// it holds no tiling that may fit.
  std::optional<MappingCost> bound(const Box& box, const Objective& objective) const;
  std::optional<MappingCost> bound(const Box& box) const { return bound(box, objective_); }
  /// The same of a single tiling, whose buffers can be divided for it.
  std::optional<MappingCost> point_bound(const Box& box) const;
  bool may_fit(const Box& point) const { return bounds_.feasible(point) && divides(point); }
  /// Cycles alone.
  double least_cycles(const Box& box) const;

  /// Estimates a tiling at once if its bound allows it, and if that was not done before. Whether it
  /// is better than the best.
  bool attempt(Box box);
  /// The bound of a tiling with its exact traffic; nothing where it does not fit, or was
  /// estimated before.
  std::optional<MappingCost> counted_bound(const Box& box);
  /// Estimates it, so far as it may be better than the best.
  void estimate(const Box& box);

  /// Estimates it, whether or not it may be better, if its first cost may be as low as `most`: it
  /// may be among the closest.
  void estimate_close(const Box& box, double most);

  /// Whether something with this bound may be better than the best.
  bool may_win(const MappingCost& bound) const { return !found_.best || bound < found_.cost; }
  SearchResult& found() { return found_; }
  /// Where the best are: of all, then of each scheme.
  std::vector<Box> best_boxes() const;

 private:
  /// A tiling but for the ways to buffer its tiles and the orders of its folds.
  struct Choice {
    Tiling tiling;
    TileCounts counts;
    MappingEstimate least;  ///< with the array's time only where that is `timed`
    bool timed = false;
    MappingCost bound;
  };

  Tiling tiling_of(const Box& box) const;
  bool divides(const Box& box) const;
  std::uint16_t without_full_k(std::uint16_t scheme) const;
  std::vector<Choice>* counted(const Box& box, double least_cycles);
  std::optional<MappingCost> counted_bound(const Box& box, double least_cycles);
  void add_array(Choice& choice) const;
  void estimate_choice(const Box& box, const Choice& choice);
  void consider(const Box& box, const Tiling& tiling, const MappingEstimate& estimate);
  void keep(const MappingCost& cost, const MappingAlternative& one);

  const MappingProblem& p_;
  const MappingSpace& space_;
  const Objective& objective_;
  MachineSetting setting_ = settings(p_.machine).front();
  // With the largest buffers that a tiling may have, and with those that one has.
  MappingProblem roomiest_, divided_;
  EnergyRates energy_;
  Bounds bounds_;
  Estimator limits_, estimator_;
  TileCounter counter_;
  std::unordered_set<PointKey, PointKey::Hash> tried_;
  std::unordered_set<PointKey, PointKey::Hash> beaten_;  // by bounds alone, when attempted
  std::unordered_map<PointKey, std::vector<Choice>, PointKey::Hash> counted_;  // not yet estimated
  std::vector<std::optional<std::size_t>> entries_;  // of each scheme, in of_schemes
  std::vector<std::optional<Box>> best_boxes_;       // of each scheme
  Box best_box_;
  SearchResult found_;
};

}  // namespace bitjoule
