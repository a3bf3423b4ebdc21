#include "core/mapping/last_choice.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>

#include "core/mapping/division.h"
#include "core/mapping/estimate_energy.h"
#include "core/mapping/real.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// Finalists of no more bursts in all are walked, each of them.
constexpr std::int64_t kMostOfAll = 150'000;
// Of others parts of so many bursts; more where the memory has a say: where the best so far takes
// longer by this share than at the memory's peak.
constexpr std::int64_t kLeastBursts = 60'000, kMostBursts = 180'000;
constexpr double kHasSay = 0.03;
// What is better than all finalists by this share at the memory's peak is one, too.
constexpr double kBetter = 0.01;
// What may be as good as the best but for this share is asked about in the order of the finalists.
constexpr double kEqual = 0.001;
// A part tells the time but for this share.
constexpr double kPartError = 0.05;
// A part has many steps if it has no more bursts than this then, else few.
constexpr std::int64_t kMostOfPart = 15'000;
// The best by parts are asked about once more: so many at most, as a whole or by a part of many
// steps, if those have no more bursts than this.
constexpr std::int64_t kMostOfBest = 60'000;
constexpr std::ptrdiff_t kMostWalks = 3;
// What has to be walked further than this to tell is not asked about: it were a simulation.
constexpr std::int64_t kMostAsked = 500'000;

std::int64_t bursts_of(const MappingAlternative& one) { return one.estimate.traffic.bursts(); }

class LastChoice {
 public:
  LastChoice(const MappingProblem& p, const Objective& objective,
             const std::shared_ptr<EnergyModel>& energy, bool best_alone, KnownWalks& walks)
      : p_(p),
        objective_(objective),
        energy_(energy),
        estimator_(p, energy),
        best_alone_(best_alone),
        walks_(walks) {}

  std::vector<CostedTiling> run(const SearchResult& found) {
    if (p_.memory.sampled) {
      take_finalists(found);
      if (are_short()) {
        ask_all();
      } else {
        ask_parts();
        ask_best();
      }
    }
    std::vector<CostedTiling> all;
    for (const Candidate& c : candidates_) all.push_back(c.tiling);
    const auto add = [&](const CostedTiling& other) {
      if (std::none_of(all.begin(), all.end(), [&](const CostedTiling& known) {
            return ask_the_same(known.second.tiling, other.second.tiling);
          }))
        all.push_back(other);
    };
    for (const MappingAlternative& one : found.finalists)
      add({cost_of(objective_, one.estimate), one});
    for (const CostedTiling& other : found.closest) add(other);
    return all;
  }

 private:
  struct Candidate {
    CostedTiling tiling;
    double peak = 0, part = 0;  // cycles at the memory's peak; as a part has it, 0: not asked
    bool broken_off = false;    // the part, as it was sure to be beaten
  };

  /// About how many bursts of it so many steps have.
  static std::int64_t part_of(const MappingAlternative& one, std::int64_t steps,
                              std::int64_t all_steps) {
    return std::min(bursts_of(one), std::max(kRankedAtLeast, bursts_of(one) / all_steps * steps));
  }
  /// The steps of a part that has no more bursts if it can be helped, and its bursts.
  std::pair<std::int64_t, std::int64_t> part(const MappingAlternative& one,
                                             std::int64_t most) const {
    const std::int64_t all = trip_counts(p_.layer, one.tiling).total();
    const std::int64_t bursts = part_of(one, kLongerSteps, all);
    if (bursts <= most) return {kLongerSteps, bursts};
    return {kRankedSteps, part_of(one, kRankedSteps, all)};
  }

  void take_finalists(const SearchResult& found) {
    const auto add = [this](const CostedTiling& one) {
      candidates_.push_back({one, real(one.second.estimate.cycles)});
    };
    for (const MappingAlternative& one : found.finalists)
      add({cost_of(objective_, one.estimate), one});
    if (found.cost.first * (1 + kBetter) <
        std::min_element(candidates_.begin(), candidates_.end(), is_better)->tiling.first.first)
      add(found.closest.front());
  }

  bool are_short() const {
    std::int64_t bursts = 0;
    for (const Candidate& c : candidates_) bursts += bursts_of(c.tiling.second);
    return bursts <= kMostOfAll;
  }

  /// What is best at the memory's peak comes first: the others have to beat it. Where the best
  /// alone counts, what may cost least; and what costs more than the best so far in the least time
  /// that a walk may take needs none, and comes behind.
  void ask_all() {
    const bool by_least = best_alone_ && !p_.machine.buffers.flexible();
    std::vector<std::pair<MappingCost, Candidate*>> order;
    for (Candidate& c : candidates_) order.emplace_back(by_least ? least(c) : c.tiling.first, &c);
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const Candidate* best = nullptr;
    for (const auto& [cost, c] : order) {
      if (by_least && best != nullptr && cost.first > best->tiling.first.first) {
        c->tiling.first = cost;
        continue;
      }
      walk(*c, best);
      if (best == nullptr || is_better(*c, *best)) best = c;
    }
    std::stable_sort(candidates_.begin(), candidates_.end(), is_better);
  }

  /// What no walk of it yields less than.
  MappingCost least(const Candidate& c) const {
    MappingEstimate e = c.tiling.second.estimate;
    e.activates = 0;
    e.open = {0, 0};
    e.cycles = least_walked(p_.memory, e.least_cycles);
    e.energy_pj = energy_->price(e, e.counts_pj);
    return cost_of(objective_, e);
  }

  /// The memory takes to streams of the same runs alike: as long as to those asked about.
  double predicted(const Candidate& c) const {
    const auto runs = [this](const Candidate& one) {
      const Tiling& t = one.tiling.second.tiling;
      return std::tuple(t.groups, t.n, t.k, t.out_cols == p_.layer.out_width);
    };
    double share = 0;
    for (const Candidate& other : candidates_)
      if (other.part > 0 && runs(other) == runs(c) &&
          (share == 0 || other.part < share * other.peak))
        share = other.part / other.peak;
    MappingEstimate e = c.tiling.second.estimate;
    if (share > 0) e.cycles = std::llround(c.peak * share);
    return cost_of(objective_, e).first;
  }

  /// Those that may be the best come first then.
  void ask_parts() {
    std::int64_t bursts = 0;
    for (auto next = candidates_.begin(); next != candidates_.end(); ++next) {
      double least = predicted(*next);
      for (auto c = next; c != candidates_.end(); ++c) least = std::min(least, predicted(*c));
      const auto first = std::find_if(next, candidates_.end(), [&](const Candidate& c) {
        return predicted(c) <= least * (1 + kEqual);
      });
      std::rotate(next, first, std::next(first));
      // A real memory is slower than its peak: what is worse at that is worse. But the peak's model
      // opens a row whenever the memory had nothing to do, which counts in a short layer.
      if (bursts > kAlwaysAsked) {
        const Candidate& best = *std::min_element(candidates_.begin(), next, comes_first);
        const bool has_say = best.part > best.peak * (1 + kHasSay);
        if (bursts > (has_say ? kMostBursts : kLeastBursts)) break;
        if (next->tiling.first.first >= best.tiling.first.first * (1 + kPartError)) continue;
      }
      const auto [steps, moved] = part(next->tiling.second, kMostOfPart);
      if (moved > kMostAsked) continue;
      bursts += moved;
      const Candidate& best = *std::min_element(candidates_.begin(), next, comes_first);
      rank(*next, steps, next != candidates_.begin() && best.part > 0 ? &best : nullptr);
      next->part = real(next->tiling.second.estimate.cycles);
    }
    std::stable_sort(candidates_.begin(), candidates_.end(), comes_first);
  }

  /// The best, and what by a part of it still is better. Others come behind.
  void ask_best() {
    auto end = candidates_.begin();
    for (; end != candidates_.end() && end->part > 0 && end - candidates_.begin() < kMostWalks;
         ++end) {
      if (end != candidates_.begin() && !is_better(*end, candidates_.front())) break;
      const MappingAlternative& one = end->tiling.second;
      const std::int64_t steps = part(one, kMostOfBest).first;
      const Candidate* best = end != candidates_.begin() ? &candidates_.front() : nullptr;
      const bool is_known = one.estimate.walked;  // from end to end, in place of a part
      if (!is_known && bursts_of(one) <= kMostOfBest)
        walk(*end, best);
      else if (!is_known && (end->broken_off || steps != part(one, kMostOfPart).first))
        rank(*end, steps, best);
      std::rotate(std::upper_bound(candidates_.begin(), end, *end, is_better), end, std::next(end));
    }
    for (auto other = end; other != candidates_.end(); ++other)
      other->tiling.first = corrected(*other);
  }

  MappingCost corrected(const Candidate& c) const {
    const Candidate& best = candidates_.front();
    MappingEstimate e = c.tiling.second.estimate;
    if (c.part > 0 && best.part > 0)
      e.cycles = std::llround(c.part * real(best.tiling.second.estimate.cycles) / best.part);
    return cost_of(objective_, e);
  }

  /// In how many cycles it costs more than the best so far, whatever the memory does meanwhile.
  double most_cycles(const Candidate& c, const Candidate* best) const {
    constexpr double kNone = std::numeric_limits<double>::infinity(), kFar = 8, kClose = 1.002;
    if (best == nullptr) return kNone;
    MappingEstimate e = c.tiling.second.estimate;
    e.activates = 0;
    e.open = {0, 0};
    const auto loses = [&](double cycles) {
      e.cycles = std::llround(cycles);
      e.energy_pj = energy_->price(e, e.counts_pj);
      return cost_of(objective_, e).first > best->tiling.first.first;
    };
    double below = c.peak, above = kFar * c.peak;
    if (!loses(above)) return kNone;
    while (above > kClose * below) {
      const double middle = std::sqrt(below * above);
      (loses(middle) ? above : below) = middle;
    }
    return above;
  }

  /// As far as it may still beat `best`, if there is one.
  void walk(Candidate& c, const Candidate* best) const {
    retime(c, 0, best, [](const Estimator& estimator, double most, MappingAlternative& one) {
      return estimator.walk(one.tiling, one.estimate, most);
    });
  }

  void rank(Candidate& c, std::int64_t steps, const Candidate* best) const {
    retime(c, steps, best,
           [steps](const Estimator& estimator, double most, MappingAlternative& one) {
             return estimator.rank(one.tiling, steps, one.estimate, most);
           });
  }

  template <class F>
  void retime(Candidate& c, std::int64_t steps, const Candidate* best, F by) const {
    auto& [cost, one] = c.tiling;
    if (const MappingEstimate* known = walks_.find(one.tiling, steps)) {
      one.estimate = *known;
      c.broken_off = false;
      cost = cost_of(objective_, one.estimate);
      return;
    }
    const double most = most_cycles(c, best);
    one.estimate.cycles = std::llround(c.peak);
    if (p_.machine.buffers.flexible()) {
      const MappingProblem set = divided(p_, one.tiling);
      c.broken_off = !by(Estimator(set, energy_), most, one);
    } else {
      c.broken_off = !by(estimator_, most, one);
    }
    cost = cost_of(objective_, one.estimate);
    if (!c.broken_off) walks_.add(one.tiling, steps, one.estimate);
  }

  static bool is_better(const Candidate& a, const Candidate& b) {
    return a.tiling.first < b.tiling.first;
  }
  /// The better one of those asked about, which come before others.
  static bool comes_first(const Candidate& a, const Candidate& b) {
    return a.part > 0 && b.part > 0 ? is_better(a, b) : a.part > b.part;
  }

  const MappingProblem& p_;
  const Objective& objective_;
  const std::shared_ptr<EnergyModel>& energy_;
  const Estimator estimator_;  // of all of them, where buffers are not divided anew for each
  const bool best_alone_;
  KnownWalks& walks_;
  std::vector<Candidate> candidates_;
};

}  // namespace

const MappingEstimate* KnownWalks::find(const Tiling& tiling, std::int64_t steps) const {
  const auto found = std::find_if(walks_.begin(), walks_.end(), [&](const Walk& walk) {
    return walk.steps == steps && is_same(walk.tiling, tiling);
  });
  return found == walks_.end() ? nullptr : &found->estimate;
}

std::vector<CostedTiling> last_choice(const MappingProblem& problem, const Objective& objective,
                                      const std::shared_ptr<EnergyModel>& energy,
                                      const SearchResult& found, bool best_alone,
                                      KnownWalks& walks) {
  return LastChoice(problem, objective, energy, best_alone, walks).run(found);
}

}  // namespace bitjoule
