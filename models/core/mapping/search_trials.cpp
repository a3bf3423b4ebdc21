#include "core/mapping/search_trials.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/interrupt.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"

namespace bitjoule {

MappingCost cost_of(const Objective& objective, const MappingEstimate& e) {
  return objective.cost(e.energy_pj, static_cast<double>(e.cycles),
                        static_cast<double>(e.traffic.bursts()));
}

SearchTrials::SearchTrials(const MappingProblem& problem, const MappingSpace& space,
                           const std::vector<Objective>& goals,
                           const std::shared_ptr<EnergyModel>& energy, const EnergyRates& rates)
    : p_(problem),
      space_(space),
      roomiest_(roomiest(problem)),
      divided_(roomiest_),
      energy_(rates),
      bounds_(roomiest_, space, energy_),
      limits_(roomiest_, energy),
      estimator_(divided_, energy),
      counter_(roomiest_) {
  for (const Objective& goal : goals) goals_.emplace_back(goal, space.schemes.size());
  goal_ = &goals_.front();
}

std::optional<MappingCost> SearchTrials::bound(const Box& box, const Objective& objective) const {
  BoxBound& known = boxes_[BoxKey(box)];
  if (!known.fits) known.fits = bounds_.feasible(box, known.bound);
  if (!*known.fits) return std::nullopt;
  const CostBound& b = known.bound;
  return objective.cost(b.energy_pj, b.cycles, b.bursts);
}

/// With what its bound says.
SearchTrials::Point& SearchTrials::bounded(const Box& box) {
  Point& point = points_[PointKey(box)];
  if (!point.fits) point.fits = bounds_.feasible(box, point.bound);
  return point;
}

std::optional<CostBound> SearchTrials::point_limits(const Box& box) {
  Point& point = bounded(box);
  if (!*point.fits) return std::nullopt;
  if (!point.divides) point.divides = divides(box);
  if (!*point.divides) return std::nullopt;
  return point.bound;
}

std::optional<MappingCost> SearchTrials::point_bound(const Box& box) {
  const std::optional<CostBound> b = point_limits(box);
  if (!b) return std::nullopt;
  return goal_->objective().cost(b->energy_pj, b->cycles, b->bursts);
}

double SearchTrials::least_cycles(const Box& box) const {
  CostBound b;
  return bounds_.feasible(box, b) ? b.cycles : std::numeric_limits<double>::infinity();
}

Tiling SearchTrials::tiling_of(const Box& box) const {
  std::array<std::int64_t, kAxes> tile{};
  for (std::size_t a = 0; a < kAxes; ++a) tile[a] = space_.sizes[a][box.lo[a]];
  return space_.tiling(box.scheme, tile);
}

/// Whether buffers that are left open can be divided for a tiling: bounds give each all of them.
bool SearchTrials::divides(const Box& box) const {
  if (!flexible_) return true;
  const Tiling tiling = tiling_of(box);
  return can_be_divided(p_, tiling, tile_footprint(p_, tiling));
}

std::uint16_t SearchTrials::without_full_k(std::uint16_t scheme) const {
  const auto& all = space_.schemes;
  for (std::size_t s = 0; s < all.size(); ++s)
    if (all[s].order == all[scheme].order && !all[s].input_full_k)
      return static_cast<std::uint16_t>(s);
  return scheme;
}

bool SearchTrials::attempt(Box box) {
  // Of all of k there is one way to hold the inputs.
  if (space_.sizes[kAxisK][box.lo[kAxisK]] == p_.layer.extents.k)
    box.scheme = without_full_k(box.scheme);
  // The best becomes only better: what was beaten once stays so.
  Point& point = points_[PointKey(box)];
  const std::uint32_t bit = std::uint32_t{1} << number();
  if ((point.beaten & bit) != 0) return false;
  if (point.tried && point.choices.empty()) return false;
  const CostBound& least = bounded(box).bound;
  if (!*point.fits ||
      !goal_->may_win(goal_->objective().cost(least.energy_pj, least.cycles, least.bursts))) {
    point.beaten |= bit;
    return false;
  }
  const MappingCost before = goal_->cost();
  const bool any = goal_->any();
  const std::optional<MappingCost> exact = counted_bound(box, least.cycles);
  if (exact && goal_->may_win(*exact)) estimate(box);
  return goal_->any() && (!any || goal_->cost() < before);
}

/// Traffic and energy are exact before time is: what they cannot win, time will not. As many groups
/// at once as fit, or, as a few cycles of skew may count more, one by one. Null where the tiling
/// does not fit, or was estimated before.
std::vector<SearchTrials::Choice>* SearchTrials::counted(const Box& box, double least_cycles) {
  check_interrupt();
  Point& point = points_[PointKey(box)];
  if (!point.choices.empty()) return &point.choices;
  if (point.tried) return nullptr;
  point.tried = true;
  Tiling tiling = tiling_of(box);
  if (!all_fit() && !can_be_divided(p_, tiling, tile_footprint(p_, tiling))) {
    ++misfits;
    return nullptr;
  }
  std::vector<Choice>& choices = point.choices;
  const auto add = [&] {
    Choice& choice = choices.emplace_back();
    choice.tiling = tiling;
    choice.counts = counter_.count(tiling);
    choice.least = limits_.counted(tiling, choice.counts, least_cycles);
  };
  choices.reserve(tiling.groups_at_once > 1 ? 2 : 1);
  add();
  if (tiling.groups_at_once > 1) {
    tiling.groups_at_once = 1;
    add();
  }
  return &choices;
}

/// The bound of a choice with the time of its array.
void SearchTrials::add_array(Choice& choice) const {
  if (choice.timed) return;
  limits_.add_array(choice.tiling, choice.counts, choice.least);
  choice.timed = true;
}

std::optional<MappingCost> SearchTrials::counted_bound(const Box& box) {
  const Point& point = bounded(box);
  return counted_bound(box,
                       *point.fits ? point.bound.cycles : std::numeric_limits<double>::infinity());
}

std::optional<MappingCost> SearchTrials::counted_bound(const Box& box, double least_cycles) {
  std::vector<Choice>* choices = counted(box, least_cycles);
  if (choices == nullptr) return std::nullopt;
  std::optional<MappingCost> least;
  for (Choice& choice : *choices) {
    if (goal_->may_win(bound_of(choice))) add_array(choice);
    const MappingCost bound = bound_of(choice);
    least = least ? std::min(*least, bound) : bound;
  }
  return least;
}

void SearchTrials::estimate(const Box& box) {
  std::vector<Choice> choices;
  choices.swap(points_[PointKey(box)].choices);
  for (Choice& choice : choices) {
    if (goal_->may_win(bound_of(choice))) add_array(choice);
    if (goal_->may_win(bound_of(choice))) estimate_choice(box, choice);
  }
}

void SearchTrials::estimate_close(const Box& box, double most) {
  const Point& point = bounded(box);
  const CostBound& b = point.bound;
  if (!*point.fits || goal_->objective().cost(b.energy_pj, b.cycles, b.bursts).first > most) return;
  if (counted(box, b.cycles) == nullptr) return;
  std::vector<Choice> choices;
  choices.swap(points_[PointKey(box)].choices);
  for (Choice& choice : choices) {
    if (bound_of(choice).first <= most) add_array(choice);
    if (bound_of(choice).first <= most) estimate_choice(box, choice);
  }
}

bool SearchTrials::is_even(const Tiling& t) const {
  const Lowered& l = p_.layer;
  return l.extents.groups % t.groups == 0 && l.batch % t.batch == 0 &&
         l.out_height % t.out_rows == 0 && l.out_width % t.out_cols == 0 &&
         l.extents.n % t.n == 0 && l.extents.k % t.k == 0;
}

void SearchTrials::estimate_choice(const Box& box, const Choice& choice) {
  Tiling tiling = choice.tiling;
  const bool even = is_even(tiling);
  for (const Buffering& way : bufferings(p_, tiling, tile_footprint(p_, tiling))) {
    tiling.single = way.single;
    divided_.machine.buffers = way.buffers;
    for (const FoldOrder order : space_.fold_orders) {
      if (order != space_.fold_orders.front() && !order_matters(p_, tiling)) continue;
      tiling.fold_order = order;
      MappingEstimate e = choice.least;
      // What the limits have is the array's time with other ports or another order of folds.
      if (flexible_ || order != choice.tiling.fold_order)
        estimator_.add_array(tiling, choice.counts, e);
      estimator_.add_time(tiling, e);
      ++estimated;
      const MappingAlternative& one =
          estimates_.emplace_back(MappingAlternative{setting_, tiling, e});
      for (SearchGoal& goal : goals_) goal.note(box, one, even);
    }
  }
}

}  // namespace bitjoule
