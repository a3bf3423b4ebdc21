#include "core/mapping/search_trials.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/interrupt.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

// As many of the best are told: their costs lie close together.
constexpr std::size_t kMostClosest = 24;

}  // namespace

MappingCost cost_of(const Objective& objective, const MappingEstimate& e) {
  return objective.cost(e.energy_pj, static_cast<double>(e.cycles),
                        static_cast<double>(e.traffic.total().bursts));
}

SearchTrials::SearchTrials(const MappingProblem& problem, const MappingSpace& space,
                           const Objective& objective, const std::shared_ptr<EnergyModel>& energy)
    : p_(problem),
      space_(space),
      objective_(objective),
      roomiest_(roomiest(problem)),
      divided_(roomiest_),
      energy_(energy_rates(roomiest_, *energy)),
      bounds_(roomiest_, space, energy_),
      limits_(roomiest_, energy),
      estimator_(divided_, energy),
      counter_(roomiest_),
      entries_(space.schemes.size()),
      best_boxes_(space.schemes.size()) {}

std::optional<MappingCost> SearchTrials::bound(const Box& box, const Objective& objective) const {
  CostBound b;
  if (!bounds_.feasible(box, b)) return std::nullopt;
  return objective.cost(b.energy_pj, b.cycles, b.bursts);
}

std::optional<MappingCost> SearchTrials::point_bound(const Box& box) const {
  const std::optional<MappingCost> cost = bound(box);
  return cost && divides(box) ? cost : std::nullopt;
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
  if (!p_.machine.buffers.flexible()) return true;
  const Tiling tiling = tiling_of(box);
  return !bufferings(p_, tiling, tile_footprint(p_, tiling)).empty();
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
  const PointKey key(box);
  if (beaten_.count(key) > 0) return false;
  if (tried_.count(key) > 0 && counted_.count(key) == 0) return false;
  CostBound least;
  if (!bounds_.feasible(box, least) ||
      !may_win(objective_.cost(least.energy_pj, least.cycles, least.bursts))) {
    beaten_.insert(key);
    return false;
  }
  const MappingCost before = found_.cost;
  const bool any = found_.best.has_value();
  const std::optional<MappingCost> exact = counted_bound(box, least.cycles);
  if (exact && may_win(*exact)) estimate(box);
  return found_.best && (!any || found_.cost < before);
}

/// Traffic and energy are exact before time is: what they cannot win, time will not. As many groups
/// at once as fit, or, as a few cycles of skew may count more, one by one. Null where the tiling
/// does not fit, or was estimated before.
std::vector<SearchTrials::Choice>* SearchTrials::counted(const Box& box, double least_cycles) {
  check_interrupt();
  const PointKey key(box);
  const auto known = counted_.find(key);
  if (known != counted_.end()) return &known->second;
  if (!tried_.insert(key).second) return nullptr;
  Tiling tiling = tiling_of(box);
  if (bufferings(p_, tiling, tile_footprint(p_, tiling)).empty()) {
    ++found_.misfits;
    return nullptr;
  }
  std::vector<Choice>& choices = counted_[key];
  const auto add = [&] {
    Choice& choice = choices.emplace_back();
    choice.tiling = tiling;
    choice.counts = counter_.count(tiling);
    choice.least = limits_.counted(tiling, choice.counts, least_cycles);
    choice.bound = cost_of(objective_, choice.least);
  };
  choices.reserve(2);
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
  choice.bound = cost_of(objective_, choice.least);
  choice.timed = true;
}

std::optional<MappingCost> SearchTrials::counted_bound(const Box& box) {
  return counted_bound(box, least_cycles(box));
}

std::optional<MappingCost> SearchTrials::counted_bound(const Box& box, double least_cycles) {
  std::vector<Choice>* choices = counted(box, least_cycles);
  if (choices == nullptr) return std::nullopt;
  std::optional<MappingCost> least;
  for (Choice& choice : *choices) {
    if (may_win(choice.bound)) add_array(choice);
    least = least ? std::min(*least, choice.bound) : choice.bound;
  }
  return least;
}

void SearchTrials::estimate(const Box& box) {
  const auto known = counted_.find(PointKey(box));
  if (known == counted_.end()) return;
  for (Choice& choice : known->second) {
    if (may_win(choice.bound)) add_array(choice);
    if (may_win(choice.bound)) estimate_choice(box, choice);
  }
  counted_.erase(known);
}

void SearchTrials::estimate_close(const Box& box, double most) {
  CostBound b;
  if (!bounds_.feasible(box, b) || objective_.cost(b.energy_pj, b.cycles, b.bursts).first > most)
    return;
  std::vector<Choice>* choices = counted(box, b.cycles);
  if (choices == nullptr) return;
  for (Choice& choice : *choices) {
    if (choice.bound.first <= most) add_array(choice);
    if (choice.bound.first <= most) estimate_choice(box, choice);
  }
  counted_.erase(PointKey(box));
}

void SearchTrials::estimate_choice(const Box& box, const Choice& choice) {
  Tiling tiling = choice.tiling;
  const bool flexible = p_.machine.buffers.flexible();
  for (const Buffering& way : bufferings(p_, tiling, tile_footprint(p_, tiling))) {
    tiling.single = way.single;
    divided_.machine.buffers = way.buffers;
    for (const FoldOrder order : space_.fold_orders) {
      if (order != space_.fold_orders.front() && !order_matters(p_, tiling)) continue;
      tiling.fold_order = order;
      MappingEstimate e = choice.least;
      // What the limits have is the array's time with other ports or another order of folds.
      if (flexible || order != choice.tiling.fold_order)
        estimator_.add_array(tiling, choice.counts, e);
      estimator_.add_time(tiling, e);
      consider(box, tiling, e);
    }
  }
}

void SearchTrials::consider(const Box& box, const Tiling& tiling, const MappingEstimate& e) {
  ++found_.estimated;
  const MappingCost cost = cost_of(objective_, e);
  std::optional<std::size_t>& entry = entries_[box.scheme];
  if (!entry) {
    entry = found_.of_schemes.size();
    found_.of_schemes.push_back({cost, {setting_, tiling, e}});
    best_boxes_[box.scheme] = box;
  } else if (cost < found_.of_schemes[*entry].first) {
    found_.of_schemes[*entry] = {cost, {setting_, tiling, e}};
    best_boxes_[box.scheme] = box;
  }
  keep(cost, {setting_, tiling, e});
  if (found_.best && !(cost < found_.cost)) return;
  best_box_ = box;
  found_.best = MappingAlternative{setting_, tiling, e};
  found_.cost = cost;
}

/// One of those with equal tiles and loops: all of them ask the memory for the same.
void SearchTrials::keep(const MappingCost& cost, const MappingAlternative& one) {
  auto& closest = found_.closest;
  const auto asks = [](const Tiling& t) {
    return std::tie(t.groups, t.batch, t.out_rows, t.out_cols, t.n, t.k, t.input_full_k, t.order);
  };
  const auto same = std::find_if(closest.begin(), closest.end(), [&](const auto& known) {
    return asks(known.second.tiling) == asks(one.tiling);
  });
  if (same != closest.end()) {
    if (!(cost < same->first)) return;
    closest.erase(same);
  }
  if (closest.size() == kMostClosest && !(cost < closest.back().first)) return;
  const auto at = std::upper_bound(closest.begin(), closest.end(), cost,
                                   [](const MappingCost& a, const auto& b) { return a < b.first; });
  closest.insert(at, {cost, one});
  if (closest.size() > kMostClosest) closest.pop_back();
}

std::vector<Box> SearchTrials::best_boxes() const {
  std::vector<Box> boxes = {best_box_};
  for (const std::optional<Box>& box : best_boxes_)
    if (box) boxes.push_back(*box);
  return boxes;
}

}  // namespace bitjoule
