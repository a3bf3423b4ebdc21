#include "core/mapping/search.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "core/interrupt.h"
#include "core/mapping/division.h"
#include "core/mapping/search_points.h"

namespace bitjoule {
namespace {

// Of a layer so small, whatever its loops, the very best is found.
constexpr double kSmallSpace = 1500;
constexpr std::int64_t kSmallMacs = std::int64_t{1} << 20;
// Elsewhere a search that takes long is content with what is proven to be this close to the best,
// and ends in any case.
struct Patience {
  std::int64_t boxes, estimated;
  double close;
};
constexpr Patience kPatience[] = {
    {200, 8, 0.001}, {1000, 12, 0.0025}, {2000, 16, 0.005}, {3000, 20, 0.01}};
constexpr std::int64_t kMostBoxes = 4000, kMostEstimated = 32;
// Tilings all over the space, and around the best of each scheme, whose bounds are asked for.
constexpr std::int64_t kRandom = 3000, kMostDescended = 300;
constexpr std::size_t kMostDescents = 12;
constexpr int kMostCuts = 80;  // of a dive, until a tiling fits
// Around the best, before and after, tilings that are tried, and of them estimated.
constexpr std::int64_t kMostTried = 1500, kMostClimbed = 48;
// Less of all where the layer is soon done: so many cycles are worth all of it.
constexpr double kWorthAll = 4'000, kLeastEffort = 0.25, kFlexibleEffort = 2;
// As many of the best are told: their costs lie close together.
constexpr std::size_t kMostClosest = 4;

struct Node {
  MappingCost bound;
  Box box;
  std::int64_t number = 0;  // in the order of creation
  bool counted = false;     // a tiling that fits, whose bound has its exact traffic
};

/// Whether `a` is opened after `b`: of equal bounds the newest first, down to a single tiling.
bool later(const Node& a, const Node& b) {
  if (b.bound < a.bound) return true;
  if (a.bound < b.bound) return false;
  return a.number < b.number;
}

/// The axis along which the sizes of a box differ most.
std::size_t widest(const MappingSpace& space, const Box& box) {
  std::size_t widest = 0;
  double most = 0;
  for (std::size_t a = 0; a < kAxes; ++a) {
    if (box.lo[a] == box.hi[a]) continue;
    const double ratio = static_cast<double>(space.sizes[a][box.hi[a]]) /
                         static_cast<double>(space.sizes[a][box.lo[a]]);
    if (ratio > most) most = ratio, widest = a;
  }
  return widest;
}

/// The halves of a box along an axis.
std::array<Box, 2> cut(const Box& box, std::size_t axis) {
  std::array<Box, 2> halves = {box, box};
  halves[0].hi[axis] = static_cast<std::uint16_t>((box.lo[axis] + box.hi[axis]) / 2);
  halves[1].lo[axis] = static_cast<std::uint16_t>(halves[0].hi[axis] + 1);
  return halves;
}

class BestFirst {
 public:
  BestFirst(const MappingProblem& problem, const MappingSpace& space, const Objective& objective,
            const std::shared_ptr<EnergyModel>& energy)
      : p_(problem),
        space_(space),
        objective_(objective),
        roomiest_(roomiest(problem)),
        divided_(roomiest_),
        energy_(energy_rates(roomiest_, *energy)),
        bounds_(roomiest_, space, energy_),
        limits_(roomiest_, energy),
        estimator_(divided_, energy),
        entries_(space.schemes.size()),
        best_boxes_(space.schemes.size()),
        points_(problem, space) {
    double tilings = 1;
    for (const auto& sizes : space.sizes) tilings *= static_cast<double>(sizes.size());
    small_ = tilings <= kSmallSpace && problem.layer.extents.macs() <= kSmallMacs;
  }

  SearchResult run() {
    set_effort();
    dive_all(objective_);
    if (effort_ >= 1)
      for (const Objective& by : {Objective({1, 1, 0}), Objective({0, 0, 1})}) dive_all(by);
    try_random();
    climb();
    open_all();
    climb();
    return found_;
  }

 private:
  Box whole(std::size_t scheme) const {
    Box box;
    box.scheme = static_cast<std::uint16_t>(scheme);
    for (std::size_t a = 0; a < kAxes; ++a)
      box.hi[a] = static_cast<std::uint16_t>(space_.sizes[a].size() - 1);
    return box;
  }

  /// By the least time of any tiling.
  void set_effort() {
    double cycles = std::numeric_limits<double>::infinity();
    CostBound bound;
    for (std::size_t s = 0; s < space_.schemes.size(); ++s)
      if (bounds_.feasible(whole(s), bound)) cycles = std::min(cycles, bound.cycles);
    // Where buffers are divided anew for each tiling, bounds say least.
    effort_ = p_.machine.buffers.flexible() ? kFlexibleEffort
                                            : std::clamp(cycles / kWorthAll, kLeastEffort, 1.0);
  }
  std::int64_t as_worth(std::int64_t most) const {
    return std::max<std::int64_t>(1, std::llround(effort_ * static_cast<double>(most)));
  }

  void open_all() {
    begin_ = found_.estimated;
    const std::int64_t dived = found_.boxes;
    found_.boxes = 0;
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) push(whole(s));
    open_boxes();
    found_.boxes += dived;
  }

  /// Of tilings all over the space the best of each scheme by their bounds, and what is better
  /// beside them.
  void try_random() {
    std::map<std::uint16_t, std::pair<MappingCost, Box>> best;
    for (std::int64_t i = as_worth(kRandom); i > 0; --i) {
      const Box box = points_.random();
      MappingCost cost;
      if (!bounded(box, cost)) continue;
      const auto known = best.find(box.scheme);
      if (known == best.end() || cost < known->second.first) best[box.scheme] = {cost, box};
    }
    std::vector<std::pair<MappingCost, Box>> starts;
    for (const auto& [scheme, start] : best) starts.push_back(start);
    std::stable_sort(starts.begin(), starts.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    if (starts.size() > kMostDescents) starts.resize(kMostDescents);
    for (const auto& [cost, start] : starts) descend(start, cost);
  }

  /// Beside a tiling, as long as bounds fall.
  void descend(Box box, MappingCost cost) {
    std::int64_t left = as_worth(kMostDescended);
    bool better = true;
    const auto is_better = [&](const Box& other) {
      MappingCost least;
      if (--left < 0 || !bounded(other, least) || !(least < cost)) return false;
      box = other;
      cost = least;
      return true;
    };
    try_tiling(box);
    while (better && left > 0) better = any_beside(Box(box), is_better);
    try_tiling(box);
  }

  bool bounded(const Box& box, MappingCost& cost) const {
    CostBound bound;
    if (!bounds_.feasible(box, bound) || !divides(box)) return false;
    cost = objective_.cost(bound.energy_pj, bound.cycles, bound.bursts);
    return true;
  }

  Tiling tiling_of(const Box& box) const {
    std::array<std::int64_t, kAxes> tile{};
    for (std::size_t a = 0; a < kAxes; ++a) tile[a] = space_.sizes[a][box.lo[a]];
    return space_.tiling(box.scheme, tile);
  }

  /// Whether buffers that are left open can be divided for a tiling: bounds give each all of them.
  bool divides(const Box& box) const {
    if (!p_.machine.buffers.flexible()) return true;
    const Tiling tiling = tiling_of(box);
    return !bufferings(p_, tiling, tile_footprint(p_, tiling)).empty();
  }

  void dive_all(const Objective& by) {
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) dive(whole(s), by);
  }

  void open_boxes() {
    while (!heap_.empty()) {
      check_interrupt();
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Node node = heap_.back();
      heap_.pop_back();
      if (found_.best && done(node.bound)) return;
      ++found_.boxes;
      if (node.box.is_point()) {
        if (tried_.count({node.box.scheme, node.box.lo}) == 0) open_tiling(node);
        continue;
      }
      for (const Box& half : cut(node.box, widest(space_, node.box))) push(half);
    }
    found_.bound = found_.cost;
  }

  /// To one tiling, always into the half that may be cheaper by `by`: a good one to begin with.
  /// Where it does not fit after all, from the last other half on.
  void dive(const Box& from, const Objective& by) {
    std::vector<Box> halves = {from};
    CostBound bound;
    if (!bounds_.feasible(from, bound)) return;
    for (int cuts = 0; cuts < kMostCuts && !halves.empty(); ++cuts) {
      Box box = halves.back();
      halves.pop_back();
      if (box.is_point()) {
        const std::int64_t before = found_.misfits;
        try_tiling(box);
        if (found_.misfits == before) return;
        continue;
      }
      ++found_.boxes;
      const std::size_t axis = widest(space_, box);
      const std::array<Box, 2> parts = cut(box, axis);
      std::array<MappingCost, 2> costs;
      std::array<bool, 2> may{};
      for (std::size_t i = 0; i < 2; ++i) {
        may[i] = bounds_.feasible(parts[i], bound);
        costs[i] = by.cost(bound.energy_pj, bound.cycles, bound.bursts);
      }
      const std::size_t better = may[1] && (!may[0] || !(costs[0] < costs[1])) ? 1 : 0;
      if (may[1 - better]) halves.push_back(parts[1 - better]);
      if (may[better]) halves.push_back(parts[better]);
    }
  }

  /// Tilings beside the best, as long as one is better.
  void climb() {
    const std::int64_t most = found_.estimated + as_worth(kMostClimbed);
    const std::int64_t most_tried = as_worth(kMostTried);
    std::int64_t tried = 0;
    bool better = found_.best.has_value();
    const auto is_better = [&](const Box& box) {
      if (found_.estimated >= most || ++tried > most_tried) return false;
      return try_tiling(box);
    };
    while (better) {
      better = false;
      std::vector<Box> starts = {best_box_};
      for (const std::optional<Box>& box : best_boxes_)
        if (box) starts.push_back(*box);
      for (std::size_t i = 0; i < starts.size() && !better; ++i)
        better = any_beside(starts[i], is_better);
    }
  }

  /// Whether any neighbour is better: with another scheme, one size other, or one other and another
  /// as large as then fits.
  template <class F>
  bool any_beside(const Box& from, F is_better) const {
    Box other = from;
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) {
      other.scheme = static_cast<std::uint16_t>(s);
      if (is_better(other)) return true;
    }
    for (std::size_t a = 0; a < kAxes; ++a) {
      std::vector<std::uint16_t> sizes = points_.beside(a, from.lo[a]);
      sizes.push_back(largest(from, a).lo[a]);
      for (const std::uint16_t size : sizes) {
        if (size == from.lo[a]) continue;
        other = from;
        other.lo[a] = other.hi[a] = size;
        if (is_better(other)) return true;
        for (std::size_t b = 0; b < kAxes; ++b) {
          if (b == a || space_.sizes[b].size() == 1) continue;
          const Box filled = largest(other, b);
          if (filled.lo[b] == from.lo[b]) continue;
          if (is_better(filled)) return true;
          const Box even = points_.even(filled, b);
          if (even.lo[b] != filled.lo[b] && is_better(even)) return true;
          if (!p_.machine.buffers.flexible()) continue;
          // What one role leaves may go to any other: sizes between do, too.
          for (const std::uint16_t with : points_.beside(b, from.lo[b])) {
            if ((with < from.lo[b]) == (size < from.lo[a])) continue;
            Box both = other;
            both.lo[b] = both.hi[b] = with;
            if (is_better(both)) return true;
          }
        }
      }
    }
    return false;
  }

  /// With the largest size along an axis that may fit.
  Box largest(Box box, std::size_t axis) const {
    std::size_t fits = 0, beyond = space_.sizes[axis].size();
    while (fits + 1 < beyond) {
      const std::size_t middle = (fits + beyond) / 2;
      box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(middle);
      (bounds_.feasible(box) && divides(box) ? fits : beyond) = middle;
    }
    box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(fits);
    return box;
  }

  std::uint16_t without_full_k(std::uint16_t scheme) const {
    const auto& all = space_.schemes;
    for (std::size_t s = 0; s < all.size(); ++s)
      if (all[s].order == all[scheme].order && !all[s].input_full_k)
        return static_cast<std::uint16_t>(s);
    return scheme;
  }

  /// Whether one tiling, which was not opened before, is better than the best.
  bool try_tiling(Box box) {
    // Of all of k there is one way to hold the inputs.
    const std::size_t k = at(TileAxis::kK);
    if (space_.sizes[k][box.lo[k]] == p_.layer.extents.k) box.scheme = without_full_k(box.scheme);
    CostBound bound;
    if (!bounds_.feasible(box, bound)) return false;
    Node node{objective_.cost(bound.energy_pj, bound.cycles, bound.bursts), box};
    if (found_.best && !(node.bound < found_.cost)) return false;
    const MappingCost before = found_.cost;
    const bool any = found_.best.has_value();
    if (tried_.insert({box.scheme, box.lo}).second) open_tiling(node, true);
    return found_.best && (!any || found_.cost < before);
  }

  /// Whether what has this bound, and all behind it, need not be opened.
  bool done(const MappingCost& bound) {
    found_.bound = bound < found_.cost ? bound : found_.cost;
    if (!(bound < found_.cost)) return true;
    if (small_) return false;
    if (found_.boxes >= as_worth(kMostBoxes) || found_.estimated - begin_ >= kMostEstimated)
      return true;
    double close = 0;
    for (const Patience& p : kPatience)
      if (found_.boxes >= as_worth(p.boxes) || found_.estimated - begin_ >= p.estimated)
        close = p.close;
    return found_.cost.first <= bound.first * (1 + close) && close > 0;
  }

  void push(const Box& box) {
    CostBound bound;
    if (!bounds_.feasible(box, bound)) return;
    add({objective_.cost(bound.energy_pj, bound.cycles, bound.bursts), box});
  }

  void add(Node node) {
    if (found_.best && !(node.bound < found_.cost)) return;
    node.number = ++pushed_;
    heap_.push_back(node);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// Traffic and energy are exact before time is: what they cannot win, time will not.
  void open_tiling(Node node, bool now = false) {
    check_interrupt();
    const Tiling tiling = tiling_of(node.box);
    if (bufferings(p_, tiling, tile_footprint(p_, tiling)).empty()) {
      ++found_.misfits;
      return;
    }
    // As many groups at once as fit, or, as a few cycles of skew may count more, one by one.
    std::vector<Choice> choices = {{tiling, limits_.count(tiling)}};
    if (tiling.groups_at_once > 1) {
      Tiling alone = tiling;
      alone.groups_at_once = 1;
      choices.push_back({alone, limits_.count(alone)});
    }
    if (!node.counted) {
      node.counted = true;
      node.bound = bound_of(choices.front());
      if (choices.size() > 1) node.bound = std::min(node.bound, bound_of(choices.back()));
      if (!now) add(node);
      if (!now || (found_.best && !(node.bound < found_.cost))) return;
    }
    for (const Choice& choice : choices)
      if (choices.size() == 1 || !found_.best || bound_of(choice) < found_.cost)
        estimate_choice(node.box, choice);
  }

  /// A tiling but for the ways to buffer its tiles and the orders of its folds.
  struct Choice {
    Tiling tiling;
    TileCounts counts;
  };

  MappingCost bound_of(const Choice& choice) const {
    return cost_of(objective_, limits_.lower_bound(choice.tiling, choice.counts));
  }

  void estimate_choice(const Box& box, const Choice& choice) {
    Tiling tiling = choice.tiling;
    for (const Buffering& way : bufferings(p_, tiling, tile_footprint(p_, tiling))) {
      tiling.single = way.single;
      divided_.machine.buffers = way.buffers;
      for (const FoldOrder order : space_.fold_orders) {
        if (order != space_.fold_orders.front() && !order_matters(p_, tiling)) continue;
        tiling.fold_order = order;
        consider(box, tiling, estimator_.estimate(tiling, choice.counts));
      }
    }
  }

  void consider(const Box& box, const Tiling& tiling, const MappingEstimate& e) {
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

  void keep(const MappingCost& cost, const MappingAlternative& one) {
    auto& closest = found_.closest;
    if (closest.size() == kMostClosest && !(cost < closest.back().first)) return;
    const auto at =
        std::upper_bound(closest.begin(), closest.end(), cost,
                         [](const MappingCost& a, const auto& b) { return a < b.first; });
    closest.insert(at, {cost, one});
    if (closest.size() > kMostClosest) closest.pop_back();
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  const Objective& objective_;
  MachineSetting setting_ = settings(p_.machine).front();
  // With the largest buffers that a tiling may have, and with those that one has.
  MappingProblem roomiest_, divided_;
  EnergyRates energy_;
  Bounds bounds_;
  Estimator limits_, estimator_;
  std::vector<Node> heap_;
  bool small_ = false;
  double effort_ = 1;
  std::int64_t pushed_ = 0, begin_ = 0;
  Box best_box_;
  std::set<std::pair<std::uint16_t, std::array<std::uint16_t, kAxes>>> tried_;
  std::vector<std::optional<std::size_t>> entries_;  // of each scheme, in of_schemes
  std::vector<std::optional<Box>> best_boxes_;       // of each scheme
  SearchPoints points_;
  SearchResult found_;
};

}  // namespace

MappingCost cost_of(const Objective& objective, const MappingEstimate& e) {
  return objective.cost(e.energy_pj, static_cast<double>(e.cycles),
                        static_cast<double>(e.traffic.total().bursts));
}

SearchResult search(const MappingProblem& problem, const MappingSpace& space,
                    const Objective& objective, const std::shared_ptr<EnergyModel>& energy) {
  return BestFirst(problem, space, objective, energy).run();
}

}  // namespace bitjoule
