#include "core/mapping/search.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <vector>

#include "core/interrupt.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

// Of a layer so small, whatever its loops, the very best is found.
constexpr double kSmallSpace = 4096;
constexpr std::int64_t kSmallMacs = std::int64_t{1} << 20;
// Elsewhere a search that takes long is content with what is proven to be this close to the best,
// and ends in any case.
struct Patience {
  std::int64_t boxes, estimated;
  double close;
};
constexpr Patience kPatience[] = {
    {3000, 8, 0.001}, {5000, 16, 0.0025}, {8000, 24, 0.005}, {12000, 96, 0.01}};
constexpr std::int64_t kMostBoxes = 30000, kMostEstimated = 400;

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

class BestFirst {
 public:
  BestFirst(const MappingProblem& problem, const MappingSpace& space, const Objective& objective)
      : p_(problem),
        space_(space),
        objective_(objective),
        roomiest_(roomiest(problem)),
        divided_(roomiest_),
        bounds_(roomiest_, space),
        limits_(roomiest_),
        estimator_(divided_),
        entries_(space.schemes.size()) {
    double tilings = 1;
    for (const auto& sizes : space.sizes) tilings *= static_cast<double>(sizes.size());
    small_ = tilings <= kSmallSpace && problem.layer.extents.macs() <= kSmallMacs;
  }

  SearchResult run() {
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) {
      Box box;
      box.scheme = static_cast<std::uint16_t>(s);
      for (std::size_t a = 0; a < kAxes; ++a)
        box.hi[a] = static_cast<std::uint16_t>(space_.sizes[a].size() - 1);
      push(box);
    }
    while (!heap_.empty()) {
      check_interrupt();
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Node node = heap_.back();
      heap_.pop_back();
      if (found_.best && done(node.bound)) return found_;
      ++found_.boxes;
      if (node.box.is_point()) {
        open_tiling(node);
        continue;
      }
      const std::size_t axis = widest(space_, node.box);
      Box half = node.box;
      half.hi[axis] = static_cast<std::uint16_t>((node.box.lo[axis] + node.box.hi[axis]) / 2);
      push(half);
      half.lo[axis] = static_cast<std::uint16_t>(half.hi[axis] + 1);
      half.hi[axis] = node.box.hi[axis];
      push(half);
    }
    found_.bound = found_.cost;
    return found_;
  }

 private:
  /// Whether what has this bound, and all behind it, need not be opened.
  bool done(const MappingCost& bound) {
    found_.bound = bound < found_.cost ? bound : found_.cost;
    if (!(bound < found_.cost)) return true;
    if (small_) return false;
    if (found_.boxes >= kMostBoxes || found_.estimated >= kMostEstimated) return true;
    double close = 0;
    for (const Patience& p : kPatience)
      if (found_.boxes >= p.boxes || found_.estimated >= p.estimated) close = p.close;
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
  void open_tiling(Node node) {
    std::array<std::int64_t, kAxes> tile{};
    for (std::size_t a = 0; a < kAxes; ++a) tile[a] = space_.sizes[a][node.box.lo[a]];
    Tiling tiling = space_.tiling(node.box.scheme, tile);
    const std::vector<Buffering> ways = bufferings(p_, tiling, tile_footprint(p_, tiling));
    if (ways.empty()) {
      ++found_.misfits;
      return;
    }
    const TileCounts counts = limits_.count(tiling);
    if (!node.counted) {
      node.counted = true;
      node.bound = cost_of(objective_, limits_.lower_bound(tiling, counts));
      add(node);
      return;
    }
    for (const Buffering& way : ways) {
      tiling.single = way.single;
      divided_.machine.buffers = way.buffers;
      for (const FoldOrder order : space_.fold_orders) {
        if (order != space_.fold_orders.front() && !order_matters(p_, tiling)) continue;
        tiling.fold_order = order;
        consider(node.box, tiling, estimator_.estimate(tiling, counts));
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
    } else if (cost < found_.of_schemes[*entry].first) {
      found_.of_schemes[*entry] = {cost, {setting_, tiling, e}};
    }
    if (found_.best && !(cost < found_.cost)) return;
    found_.best = MappingAlternative{setting_, tiling, e};
    found_.cost = cost;
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  const Objective& objective_;
  MachineSetting setting_ = settings(p_.machine).front();
  // With the largest buffers that a tiling may have, and with those that one has.
  MappingProblem roomiest_, divided_;
  Bounds bounds_;
  Estimator limits_, estimator_;
  std::vector<Node> heap_;
  bool small_ = false;
  std::int64_t pushed_ = 0;
  std::vector<std::optional<std::size_t>> entries_;  // of each scheme, in of_schemes
  SearchResult found_;
};

}  // namespace

MappingCost cost_of(const Objective& objective, const MappingEstimate& e) {
  return objective.cost(e.energy_pj, static_cast<double>(e.cycles),
                        static_cast<double>(e.traffic.total().bursts));
}

SearchResult search(const MappingProblem& problem, const MappingSpace& space,
                    const Objective& objective) {
  SearchResult found = BestFirst(problem, space, objective).run();
  // Where bounds told too little, what is best by others may be better.
  for (const ObjectiveWeights other : {ObjectiveWeights{1, 1, 0}, ObjectiveWeights{0, 0, 1}}) {
    if (!found.best || found.gap() <= kPatience[std::size(kPatience) - 1].close) break;
    const SearchResult second = BestFirst(problem, space, Objective(other)).run();
    found.boxes += second.boxes;
    found.estimated += second.estimated;
    const MappingCost cost = cost_of(objective, second.best->estimate);
    if (!(cost < found.cost)) continue;
    found.best = second.best;
    found.cost = cost;
  }
  return found;
}

}  // namespace bitjoule
