#include "core/mapping/search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/interrupt.h"
#include "core/mapping/search_boxes.h"
#include "core/mapping/search_neighbours.h"
#include "core/mapping/search_points.h"
#include "core/mapping/search_trials.h"

namespace bitjoule {
namespace {

// Of a layer so small, whatever its loops, the very best is found, where the memory's peak decides.
constexpr double kSmallSpace = 1500;
constexpr std::int64_t kSmallMacs = std::int64_t{1} << 20;
// Elsewhere a search that takes long is content with what is proven to be this close to the best,
// and ends in any case.
struct Patience {
  std::int64_t boxes, estimated;
  double close;
};
constexpr std::array<Patience, 4> kPatience = {
    {{200, 8, 0.001}, {500, 12, 0.0025}, {1000, 16, 0.005}, {1500, 20, 0.01}}};
constexpr std::int64_t kFewBoxes = 250, kMostBoxes = 2000, kMostEstimated = 32;
// Tilings all over the space, and around the best of each scheme, whose bounds are asked for.
constexpr std::int64_t kRandom = 1500, kMostDescended = 300;
constexpr std::size_t kMostDescents = 6;  // by each goal
constexpr int kMostCuts = 80;             // of a dive, until a tiling fits
// Around the best, before and after, tilings that are tried, and of them estimated.
constexpr std::int64_t kMostTried = 1500, kMostClimbed = 48;
// Of the peak's cost: by as much may the memory's own model have another order.
constexpr double kClose = 0.01, kCloseInTime = 0.03;
constexpr std::int64_t kLongMoves = 50'000;  // bursts: of less the memory's model is asked for all
// Of the finalists, and of the best by each goal among them, as many at most; of a layer so short
// that all can be walked, more.
constexpr std::size_t kMostFinalists = 24, kMostOfShort = 16, kOfEachGoal = 10;
// Less of all where the layer is soon done: so many cycles are worth all of it.
constexpr double kWorthAll = 4'000, kLeastEffort = 0.1, kFlexibleEffort = 2;
// Where the memory decides in the end, what is worth less than this is found by the first goal and
// what climbs from there.
constexpr double kWorthAllGoals = 0.1, kLeastBeforeMemory = 0.05;

class BestFirst {
 public:
  BestFirst(const MappingProblem& problem, const MappingSpace& space,
            const std::vector<Objective>& goals, std::size_t own,
            const std::shared_ptr<EnergyModel>& energy, const EnergyRates& rates)
      : p_(problem),
        space_(space),
        trials_(problem, space, goals, energy, rates),
        own_number_(own),
        points_(problem, space),
        neighbours_(space, points_, trials_),
        climbed_(goals.size()) {
    double tilings = 1;
    for (const auto& sizes : space.sizes) tilings *= static_cast<double>(sizes.size());
    trials_.set_goal(own);
    small_ = !problem.memory.sampled && tilings <= kSmallSpace &&
             problem.layer.extents.macs() <= kSmallMacs;
  }

  /// Of a memory with a model of its own: whatever the search is for, the same finalists.
  std::vector<SearchResult> run_before_memory(const std::vector<std::size_t>& owns) {
    set_effort();
    explore();
    trials_.set_goal(0);
    prove();
    const MappingCost bound = bound_;
    find_finalists();
    std::vector<SearchResult> results;
    for (const std::size_t own : owns) {
      own_number_ = own;
      trials_.set_goal(own);
      if (own == 0)
        bound_ = bound;
      else
        prove();
      results.push_back(result());
    }
    return results;
  }

  SearchResult run() {
    set_effort();
    dive_all(trials_.goal().objective());
    climb();
    push_all();
    // What bounds soon prove needs no more tries; but they may also give up.
    if (open_boxes(as_worth(kFewBoxes)) && is_close()) return result();
    if (effort_ >= 1)
      for (const SearchGoal& goal : trials_.goals()) dive_all(goal.objective());
    explore();
    open_boxes(std::numeric_limits<std::int64_t>::max());
    climb();
    return result();
  }

 private:
  void push_all() {
    boxes_ = {};
    all_opened_ += opened_;
    opened_ = estimated_ = 0;
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) push(whole_box(space_, s));
  }

  /// That nothing is better by the current goal, or hardly anything.
  void prove() {
    push_all();
    open_boxes(std::numeric_limits<std::int64_t>::max());
    climb();
  }

  /// Good tilings by the search's goal, or, where the memory's own model has the last word, by all
  /// goals.
  void explore() {
    const auto each_goal = [&](auto f) {
      for (std::size_t goal = 0; goal < trials_.goals().size(); ++goal) {
        if (goal != own_number_ && !p_.memory.sampled) continue;
        trials_.set_goal(goal);
        f();
      }
      trials_.set_goal(own_number_);
    };
    each_goal([&] {
      if (thorough_ || trials_.number() == 0) dive_all(trials_.goal().objective());
    });
    sample();
    each_goal([&] {
      descend_all();
      climb();
    });
    if (!thorough_) return;
    // Once more, as what one goal has found may be where another goes on.
    each_goal([&] {
      climb();
      if (p_.memory.sampled && trials_.goal().any()) note_close();
    });
  }

  SearchResult result() const {
    SearchResult r;
    const SearchGoal& own = trials_.goal();
    for (const auto& [cost, one] : own.closest()) r.closest.emplace_back(cost, *one);
    if (own.any()) r.best = r.closest.front().second;
    r.finalists = finalists_;
    r.bests = bests_;
    r.cost = own.cost();
    r.bound = bound_;
    r.boxes = dived_ + all_opened_ + opened_;
    r.estimated = trials_.estimated;
    r.misfits = trials_.misfits;
    return r;
  }

  /// The best by each goal; the best of tiles that are all equal, whose streams keep their
  /// distance; then the next by each goal in turn.
  void find_finalists() {
    for (const SearchGoal& goal : trials_.goals())
      if (goal.any()) add_finalist(goal.closest().front());
    bests_ = finalists_.size();
    const bool is_short = bests_ > 0 && finalists_.front().estimate.traffic.bursts() *
                                                static_cast<std::int64_t>(kMostOfShort) <=
                                            kAlwaysAsked;
    if (is_short) most_finalists_ = kMostOfShort;
    for (const SearchGoal& goal : trials_.goals())
      for (const RankedTiling& one : goal.even()) add_finalist(one);
    for (std::size_t i = 1; i < (is_short ? kMostOfShort : kOfEachGoal); ++i)
      for (const SearchGoal& goal : trials_.goals())
        if (i < goal.closest().size()) add_finalist(goal.closest()[i]);
  }

  void add_finalist(const RankedTiling& one) {
    if (finalists_.size() < most_finalists_ &&
        std::none_of(finalists_.begin(), finalists_.end(), [&](const MappingAlternative& known) {
          return ask_the_same(known.tiling, one.second->tiling);
        }))
      finalists_.push_back(*one.second);
  }

  /// By the least time of any tiling.
  void set_effort() {
    double cycles = std::numeric_limits<double>::infinity();
    for (std::size_t s = 0; s < space_.schemes.size(); ++s)
      cycles = std::min(cycles, trials_.least_cycles(whole_box(space_, s)));
    const double least = p_.memory.sampled ? kLeastBeforeMemory : kLeastEffort;
    // Where buffers are divided anew for each tiling, bounds say least.
    effort_ = p_.machine.buffers.flexible() ? kFlexibleEffort
                                            : std::clamp(cycles / kWorthAll, least, 1.0);
    thorough_ = !p_.memory.sampled || effort_ >= kWorthAllGoals;
    most_boxes_ = as_worth(kMostBoxes * each_worth());
    for (Patience& patience : patience_) patience.boxes = as_worth(patience.boxes * each_worth());
  }
  std::int64_t as_worth(std::int64_t most) const {
    return std::max<std::int64_t>(1, std::llround(effort_ * static_cast<double>(most)));
  }

  /// A search for one goal does twice as much as each for several, which share what they find.
  std::int64_t each_worth() const { return p_.memory.sampled ? 1 : 2; }

  void dive_all(const Objective& by) {
    for (std::size_t s = 0; s < space_.schemes.size(); ++s) dive(whole_box(space_, s), by);
  }

  /// To one tiling, always into the half that may be cheaper by `by`: a good one to begin with.
  /// Where it does not fit after all, from the last other half on.
  void dive(const Box& from, const Objective& by) {
    Few<Box, 2 * kMostCuts> boxes;
    if (trials_.bound(from)) boxes.push_back(from);
    for (int cuts = 0; cuts < kMostCuts && !boxes.empty(); ++cuts) {
      const Box box = boxes.back();
      boxes.pop_back();
      if (box.is_point()) {
        const std::int64_t before = trials_.misfits;
        trials_.attempt(box);
        if (trials_.misfits == before) return;
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

  /// The largest tilings, and others all over the space: of each scheme that with the least bound,
  /// by each goal.
  void sample() {
    starts_.assign(trials_.goals().size(), std::vector<Start>(space_.schemes.size()));
    const auto note = [&](const Box& box) {
      const std::optional<CostBound> b = trials_.point_limits(box);
      if (!b) return;
      for (std::size_t goal = 0; goal < starts_.size(); ++goal) {
        const MappingCost cost =
            trials_.goals()[goal].objective().cost(b->energy_pj, b->cycles, b->bursts);
        Start& best = starts_[goal][box.scheme];
        if (!best || cost < best->first) best = {cost, box};
      }
    };
    for (Box box : neighbours_.filled(0))
      for (std::size_t s = 0; s < space_.schemes.size(); ++s) {
        box.scheme = static_cast<std::uint16_t>(s);
        note(box);
      }
    // Where sums of many tiles live at once, others are the largest.
    for (std::size_t s = 0; s < space_.schemes.size(); ++s)
      if (space_.schemes[s].order[2] != LoopDim::kK && !space_.schemes[s].input_full_k)
        for (const Box& box : neighbours_.filled(static_cast<std::uint16_t>(s))) note(box);
    for (std::int64_t i = as_worth(kRandom * each_worth()); i > 0; --i) note(points_.random());
  }

  /// From the best of them by the current goal.
  void descend_all() {
    const std::vector<Start>& found = starts_[trials_.number()];
    std::vector<std::pair<MappingCost, Box>> starts;
    for (const Start& start : found)
      if (start) starts.push_back(*start);
    std::stable_sort(starts.begin(), starts.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::size_t most = kMostDescents * static_cast<std::size_t>(each_worth());
    if (starts.size() > most) starts.resize(most);
    for (const auto& [cost, start] : starts) descend(start, cost);
  }

  /// Beside a tiling, as long as bounds fall.
  void descend(Box box, MappingCost cost) {
    std::int64_t left = as_worth(kMostDescended);
    bool better = true;
    const auto ends = [&](const Box& other) {
      if (--left < 0) return true;
      const std::optional<MappingCost> least = trials_.point_bound(other);
      if (!least || !(*least < cost)) return false;
      box = other;
      cost = *least;
      return true;
    };
    trials_.attempt(box);
    while (better && left > 0) better = neighbours_.any(Box(box), ends);
    trials_.attempt(box);
  }

  /// Tilings beside the best, as long as one is better.
  void climb() {
    const std::int64_t most = trials_.estimated + as_worth(kMostClimbed);
    const std::int64_t most_tried = as_worth(kMostTried);
    std::int64_t tried = 0;
    bool better = trials_.goal().any(), over = false;
    const auto ends = [&](const Box& box) {
      over = trials_.estimated >= most || ++tried > most_tried;
      return over || trials_.attempt(box);
    };
    while (better) {
      better = false;
      const SearchGoal::Boxes starts = trials_.goal().best_boxes();
      for (std::size_t i = 0; i < starts.size() && !better; ++i) {
        std::int64_t& climbed = climbed_[trials_.number()][PointKey(starts[i])];
        if (climbed > 0) {
          tried += climbed - 1;
          continue;
        }
        const std::int64_t before = tried;
        better = neighbours_.any(starts[i], ends);
        if (over) return;
        if (!better && trials_.estimated < most) climbed = tried - before + 1;
      }
    }
  }

  /// Beside the best, at the memory's peak hardly worse, and the memory's own model may find them
  /// better: tilings without shorter tiles at the end of axes, and, where cycles alone count, with
  /// one other size.
  void note_close() {
    const double most = trials_.goal().cost().first * (1 + kClose);
    const SearchGoal::Boxes best = trials_.goal().best_boxes();
    for (const Box& from : best) {
      Box all = from;
      for (std::size_t a = 0; a < kAxes; ++a) {
        if (space_.sizes[a].size() == 1) continue;
        all = points_.without_rest(all, a);
        Box one = points_.without_rest(from, a);
        trials_.estimate_close(one, most);
        if (one.lo[a] == 0) continue;
        one.lo[a] = one.hi[a] = static_cast<std::uint16_t>(one.lo[a] - 1);
        trials_.estimate_close(points_.without_rest(one, a), most);
      }
      trials_.estimate_close(all, most);
    }
    if (!trials_.goal().objective().is_cycles_alone() &&
        !(trials_.goal().objective().weighs_cycles() && moved_bursts() >= kLongMoves))
      return;
    for (std::size_t a = 0; a < kAxes; ++a)
      note_along(best.front(), a, trials_.goal().cost().first * (1 + kCloseInTime));
  }

  std::int64_t moved_bursts() const {
    return trials_.goal().closest().front().second->estimate.traffic.bursts();
  }

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

  /// Whether the best is proven to be about as good as any; or nothing fits.
  bool is_close() const {
    return !trials_.goal().any() ||
           trials_.goal().cost().first <= bound_.first * (1 + kPatience.back().close);
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
    bound_ = trials_.goal().cost();
    return true;
  }

  void push(const Box& box) {
    const std::optional<MappingCost> bound = trials_.bound(box);
    if (bound && trials_.goal().may_win(*bound)) boxes_.push({*bound, box});
  }

  /// Once with its traffic counted, and once more, if that may still win, with its time modelled.
  void open_tiling(SearchNode node) {
    if (node.counted) {
      const std::int64_t before = trials_.estimated;
      trials_.estimate(node.box);
      estimated_ += trials_.estimated - before;
      return;
    }
    const std::optional<MappingCost> bound = trials_.counted_bound(node.box);
    if (!bound || !trials_.goal().may_win(*bound)) return;
    node.bound = *bound;
    node.counted = true;
    boxes_.push(node);
  }

  /// Whether what has this bound, and all behind it, need not be opened.
  bool done(const MappingCost& bound) {
    if (!trials_.goal().any()) return false;
    bound_ = bound < trials_.goal().cost() ? bound : trials_.goal().cost();
    if (!(bound < trials_.goal().cost())) return true;
    if (small_) return false;
    if (opened_ >= most_boxes_ || estimated_ >= kMostEstimated) return true;
    double close = 0;
    for (const Patience& p : patience_)
      if (opened_ >= p.boxes || estimated_ >= p.estimated) close = p.close;
    if (close == 0) return false;
    // Between equals it is what breaks the tie that has to be close.
    if (bound.first == trials_.goal().cost().first)
      return trials_.goal().cost().then <= bound.then * (1 + close);
    return trials_.goal().cost().first <= bound.first * (1 + close);
  }

  const MappingProblem& p_;
  const MappingSpace& space_;
  SearchTrials trials_;
  std::size_t own_number_;  // of the goal searched for
  MappingCost bound_;       // of everything that was not opened
  SearchPoints points_;
  SearchNeighbours neighbours_;
  SearchBoxes boxes_;
  // Of tilings beside which none was better, which none becomes: how many were tried there, and 1.
  std::vector<PointTable<std::int64_t>> climbed_;  // by goal
  bool small_ = false;
  std::vector<MappingAlternative> finalists_;
  std::size_t bests_ = 0, most_finalists_ = kMostFinalists;  // of them
  using Start = std::optional<std::pair<MappingCost, Box>>;
  std::vector<std::vector<Start>> starts_;  // by goal and scheme
  double effort_ = 1;
  std::array<Patience, kPatience.size()> patience_ = kPatience;  // as much as the layer is worth
  std::int64_t most_boxes_ = kMostBoxes;
  bool thorough_ = true;                     // not a tiny layer
  std::int64_t dived_ = 0, all_opened_ = 0;  // boxes
  std::int64_t opened_ = 0, estimated_ = 0;  // of them in this proof, and tilings of those
};

}  // namespace

std::vector<SearchResult> search(const MappingProblem& problem, const MappingSpace& space,
                                 const std::vector<Objective>& goals,
                                 const std::vector<std::size_t>& owns,
                                 const std::shared_ptr<EnergyModel>& energy,
                                 const EnergyRates& rates) {
  if (problem.memory.sampled)
    return BestFirst(problem, space, goals, owns.front(), energy, rates).run_before_memory(owns);
  std::vector<SearchResult> results;
  for (const std::size_t own : owns)
    results.push_back(BestFirst(problem, space, goals, own, energy, rates).run());
  return results;
}

}  // namespace bitjoule
