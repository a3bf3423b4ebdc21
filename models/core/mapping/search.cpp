#include "core/mapping/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>
#include <vector>

#include "core/interrupt.h"
#include "core/mapping/search_boxes.h"
#include "core/mapping/search_neighbours.h"
#include "core/mapping/search_points.h"
#include "core/mapping/search_trials.h"

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
constexpr std::int64_t kFewBoxes = 250, kMostBoxes = 4000, kMostEstimated = 32;
// Tilings all over the space, and around the best of each scheme, whose bounds are asked for.
constexpr std::int64_t kRandom = 3000, kMostDescended = 300;
constexpr std::size_t kMostDescents = 12;
constexpr int kMostCuts = 80;  // of a dive, until a tiling fits
// Around the best, before and after, tilings that are tried, and of them estimated.
constexpr std::int64_t kMostTried = 1500, kMostClimbed = 48;
// Of the peak's cost: by as much may the memory's own model have another order.
constexpr double kClose = 0.01, kCloseInTime = 0.03;
constexpr std::int64_t kLongMoves = 50'000;  // bursts: of less the memory's model is asked for all
// Less of all where the layer is soon done: so many cycles are worth all of it.
constexpr double kWorthAll = 4'000, kLeastEffort = 0.25, kFlexibleEffort = 2;

class BestFirst {
 public:
  BestFirst(const MappingProblem& problem, const MappingSpace& space, const Objective& objective,
            const std::shared_ptr<EnergyModel>& energy)
      : p_(problem),
        space_(space),
        objective_(objective),
        trials_(problem, space, objective, energy),
        found_(trials_.found()),
        points_(problem, space),
        neighbours_(problem, space, points_, trials_) {
    double tilings = 1;
    for (const auto& sizes : space.sizes) tilings *= static_cast<double>(sizes.size());
    small_ = tilings <= kSmallSpace && problem.layer.extents.macs() <= kSmallMacs;
  }

  SearchResult run() {
    set_effort();
    dive_all(objective_);
    climb();
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) push(whole_box(space_, s));
    // What bounds soon prove needs no more tries.
    if (!open_boxes(as_worth(kFewBoxes))) {
      if (effort_ >= 1)
        for (const Objective& by : {Objective({1, 1, 0}), Objective({0, 0, 1})}) dive_all(by);
      try_all_over();
      climb();
      open_boxes(std::numeric_limits<std::int64_t>::max());
      climb();
    }
    if (found_.best && p_.memory.sampled) note_close();
    found_.boxes = dived_ + opened_;
    return found_;
  }

 private:
  /// By the least time of any tiling.
  void set_effort() {
    double cycles = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < space_.schemes.size(); ++s)
      cycles = std::min(cycles, trials_.least_cycles(whole_box(space_, s)));
    // Where buffers are divided anew for each tiling, bounds say least.
    effort_ = p_.machine.buffers.flexible() ? kFlexibleEffort
                                            : std::clamp(cycles / kWorthAll, kLeastEffort, 1.0);
  }
  std::int64_t as_worth(std::int64_t most) const {
    return std::max<std::int64_t>(1, std::llround(effort_ * static_cast<double>(most)));
  }

  void dive_all(const Objective& by) {
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) dive(whole_box(space_, s), by);
  }

  /// To one tiling, always into the half that may be cheaper by `by`: a good one to begin with.
  /// Where it does not fit after all, from the last other half on.
  void dive(const Box& from, const Objective& by) {
    std::vector<Box> boxes;
    if (trials_.bound(from)) boxes.push_back(from);
    for (int cuts = 0; cuts < kMostCuts && !boxes.empty(); ++cuts) {
      const Box box = boxes.back();
      boxes.pop_back();
      if (box.is_point()) {
        const std::int64_t before = found_.misfits;
        trials_.attempt(box);
        if (found_.misfits == before) return;
        continue;
      }
      ++dived_;
      const std::array<Box, 2> parts = halves(space_, box);
      const std::array<std::optional<MappingCost>, 2> costs = {trials_.bound(parts[0], by),
                                                               trials_.bound(parts[1], by)};
      const std::size_t better = costs[1] && (!costs[0] || !(*costs[0] < *costs[1])) ? 1 : 0;
      if (costs[1 - better]) boxes.push_back(parts[1 - better]);
      if (costs[better]) boxes.push_back(parts[better]);
    }
  }

  /// Of the largest tilings, and of others all over the space, the best of each scheme by their
  /// bounds, and what is better beside them.
  void try_all_over() {
    std::map<std::uint16_t, std::pair<MappingCost, Box>> best;
    const auto note = [&](const Box& box) {
      const std::optional<MappingCost> cost = trials_.point_bound(box);
      if (!cost) return;
      const auto known = best.find(box.scheme);
      if (known == best.end() || *cost < known->second.first) best[box.scheme] = {*cost, box};
    };
    for (Box box : neighbours_.filled(0))
      for (std::size_t s = 0; s < space_.schemes.size(); ++s) {
        box.scheme = static_cast<std::uint16_t>(s);
        note(box);
      }
    for (std::int64_t i = as_worth(kRandom); i > 0; --i) note(points_.random());
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
      if (--left < 0) return false;
      const std::optional<MappingCost> least = trials_.point_bound(other);
      if (!least || !(*least < cost)) return false;
      box = other;
      cost = *least;
      return true;
    };
    trials_.attempt(box);
    while (better && left > 0) better = neighbours_.any(Box(box), is_better);
    trials_.attempt(box);
  }

  /// Tilings beside the best, as long as one is better.
  void climb() {
    const std::int64_t most = found_.estimated + as_worth(kMostClimbed);
    const std::int64_t most_tried = as_worth(kMostTried);
    std::int64_t tried = 0;
    bool better = found_.best.has_value();
    const auto is_better = [&](const Box& box) {
      if (found_.estimated >= most || ++tried > most_tried) return false;
      return trials_.attempt(box);
    };
    while (better) {
      better = false;
      const std::vector<Box> starts = trials_.best_boxes();
      for (std::size_t i = 0; i < starts.size() && !better; ++i) {
        const auto known = climbed_.find(PointKey(starts[i]));
        if (known != climbed_.end()) {
          tried += known->second;
          continue;
        }
        const std::int64_t before = tried;
        better = neighbours_.any(starts[i], is_better);
        if (!better && found_.estimated < most && tried <= most_tried)
          climbed_.emplace(starts[i], tried - before);
      }
    }
  }

  /// Beside the best, at the memory's peak hardly worse, and the memory's own model may find them
  /// better: tilings without shorter tiles at the end of axes, and, where cycles alone count, with
  /// one other size.
  void note_close() {
    const double most = found_.cost.first * (1 + kClose);
    const std::vector<Box> best = trials_.best_boxes();
    for (const Box& from : best) {
      Box all = from;
      for (std::size_t a = 0; a < kAxes; ++a) {
        all = points_.without_rest(all, a);
        Box one = points_.without_rest(from, a);
        trials_.estimate_close(one, most);
        if (one.lo[a] == 0) continue;
        one.lo[a] = one.hi[a] = static_cast<std::uint16_t>(one.lo[a] - 1);
        trials_.estimate_close(points_.without_rest(one, a), most);
      }
      trials_.estimate_close(all, most);
    }
    if (!objective_.is_cycles_alone() &&
        !(objective_.weighs_cycles() && moved_bursts() >= kLongMoves))
      return;
    for (std::size_t a = 0; a < kAxes; ++a)
      note_along(best.front(), a, found_.cost.first * (1 + kCloseInTime));
  }

  std::int64_t moved_bursts() const { return found_.best->estimate.traffic.total().bursts; }

  /// With sizes of an axis from a quarter to 16 times its own, of each quarter of a doubling the
  /// one with the least bound.
  void note_along(Box box, std::size_t axis, double most) {
    const std::vector<std::int64_t>& sizes = space_.sizes[axis];
    if (sizes.size() == 1) return;
    const auto own = static_cast<double>(sizes[box.lo[axis]]);
    std::optional<MappingCost> least;
    Box best;
    int last = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const int quarter =
          static_cast<int>(std::floor(4 * std::log2(static_cast<double>(sizes[i]) / own)));
      if (quarter < -8 || quarter > 16) continue;
      if (least && quarter != last) {
        trials_.estimate_close(best, most);
        least.reset();
      }
      last = quarter;
      box.lo[axis] = box.hi[axis] = static_cast<std::uint16_t>(i);
      const std::optional<MappingCost> bound = trials_.bound(box);
      if (!bound || bound->first > most || (least && !(*bound < *least))) continue;
      least = bound;
      best = box;
    }
    if (least) trials_.estimate_close(best, most);
  }

  /// Until so many are open in all. Whether all that is left need not be opened.
  bool open_boxes(std::int64_t most) {
    while (!boxes_.empty()) {
      check_interrupt();
      if (done(boxes_.front().bound)) return true;
      if (opened_ >= most) return false;
      const SearchNode node = boxes_.pop();
      ++opened_;
      if (node.box.is_point()) {
        open_tiling(node);
        continue;
      }
      for (const Box& half : halves(space_, node.box)) push(half);
    }
    found_.bound = found_.cost;
    return true;
  }

  void push(const Box& box) {
    const std::optional<MappingCost> bound = trials_.bound(box);
    if (bound && trials_.may_win(*bound)) boxes_.push({*bound, box});
  }

  /// Once with its traffic counted, and once more, if that may still win, with its time modelled.
  void open_tiling(SearchNode node) {
    if (node.counted) {
      const std::int64_t before = found_.estimated;
      trials_.estimate(node.box);
      estimated_ += found_.estimated - before;
      return;
    }
    const std::optional<MappingCost> bound = trials_.counted_bound(node.box);
    if (!bound || !trials_.may_win(*bound)) return;
    node.bound = *bound;
    node.counted = true;
    boxes_.push(node);
  }

  /// Whether what has this bound, and all behind it, need not be opened.
  bool done(const MappingCost& bound) {
    if (!found_.best) return false;
    found_.bound = bound < found_.cost ? bound : found_.cost;
    if (!(bound < found_.cost)) return true;
    if (small_) return false;
    if (opened_ >= as_worth(kMostBoxes) || estimated_ >= kMostEstimated) return true;
    double close = 0;
    for (const Patience& p : kPatience)
      if (opened_ >= as_worth(p.boxes) || estimated_ >= p.estimated) close = p.close;
    if (close == 0) return false;
    // Between equals it is what breaks the tie that has to be close.
    if (bound.first == found_.cost.first) return found_.cost.then <= bound.then * (1 + close);
    return found_.cost.first <= bound.first * (1 + close);
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  const Objective& objective_;
  SearchTrials trials_;
  SearchResult& found_;
  SearchPoints points_;
  SearchNeighbours neighbours_;
  SearchBoxes boxes_;
  // Tilings beside which none was better, which none becomes, and how many were tried there.
  std::unordered_map<PointKey, std::int64_t, PointKey::Hash> climbed_;
  bool small_ = false;
  double effort_ = 1;
  std::int64_t dived_ = 0, opened_ = 0, estimated_ = 0;  // boxes, and tilings of those opened
};

}  // namespace

SearchResult search(const MappingProblem& problem, const MappingSpace& space,
                    const Objective& objective, const std::shared_ptr<EnergyModel>& energy) {
  return BestFirst(problem, space, objective, energy).run();
}

}  // namespace bitjoule
