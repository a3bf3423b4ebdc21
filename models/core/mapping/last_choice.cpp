#include "core/mapping/last_choice.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "core/mapping/division.h"
#include "core/mapping/real.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// So many bursts of finalists are asked about; more where the memory has a say: where the best so
// far takes longer by this share than at the memory's peak.
constexpr std::int64_t kLeastBursts = 45'000, kMostBursts = 160'000;
constexpr double kHasSay = 0.03;
// A long part gives way to a shorter one where parts of so many finalists would exceed that.
constexpr std::int64_t kParts = 8;
// What is better than all finalists by this share at the memory's peak is one, too.
constexpr double kBetter = 0.01;
// What is the best by a part of it, and others that are so close, are asked about as a whole if
// they have no more bursts than this: so many at most.
constexpr double kPartError = 0.04, kShortPartError = 0.1;
constexpr std::int64_t kMostOfWhole = 60'000;
constexpr std::size_t kMostWalks = 3;

std::int64_t bursts_of(const MappingAlternative& one) {
  return one.estimate.traffic.total().bursts;
}

class LastChoice {
 public:
  LastChoice(const MappingProblem& p, const Objective& objective,
             const std::shared_ptr<EnergyModel>& energy)
      : p_(p), objective_(objective), energy_(energy) {}

  std::vector<CostedTiling> run(const SearchResult& found) {
    if (p_.memory.sampled) {
      take_finalists(found);
      ask_parts();
      ask_all();
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
    double peak = 0, share = 0;  // cycles at the memory's peak; by its model, of those: 0 not asked
    bool whole = false;          // the model was asked for all of it
  };

  bool longer(const MappingAlternative& one) const {
    const std::int64_t steps = trip_counts(p_.layer, one.tiling).total();
    return part_of(one, std::min(kLongerSteps, steps)) * kParts <= kMostBursts;
  }
  /// About how many bursts the memory's model is asked for to rank it by so many steps.
  std::int64_t part_of(const MappingAlternative& one, std::int64_t steps) const {
    const std::int64_t bursts = bursts_of(one), all = trip_counts(p_.layer, one.tiling).total();
    return std::min(bursts, std::max(kRankedAtLeast, bursts / all * steps));
  }

  void take_finalists(const SearchResult& found) {
    for (const MappingAlternative& one : found.finalists)
      candidates_.push_back({{cost_of(objective_, one.estimate), one}, real(one.estimate.cycles)});
    sort(candidates_.begin(), candidates_.end());
    const MappingCost& least = candidates_.front().tiling.first;
    if (found.cost.first * (1 + kBetter) < least.first) {
      const CostedTiling& best = found.closest.front();
      candidates_.insert(candidates_.begin(), {best, real(best.second.estimate.cycles)});
    }
  }

  /// The memory takes to streams of the same runs alike: as the best of those asked about.
  double predicted(const Candidate& c) const {
    const auto runs = [this](const Candidate& one) {
      const Tiling& t = one.tiling.second.tiling;
      return std::tuple(t.groups, t.n, t.k, t.out_cols == p_.layer.out_width);
    };
    double share = 0;
    for (std::size_t i = 0; i < asked_; ++i)
      if (runs(candidates_[i]) == runs(c) && (share == 0 || candidates_[i].share < share))
        share = candidates_[i].share;
    MappingEstimate e = c.tiling.second.estimate;
    if (share > 0) e.cycles = std::llround(c.peak * share);
    return cost_of(objective_, e).first;
  }

  /// Those that may be the best come first then.
  void ask_parts() {
    std::int64_t bursts = 0;
    for (; asked_ < candidates_.size(); ++asked_) {
      const auto begin = candidates_.begin() + std::ptrdiff_t(asked_);
      const auto next = std::min_element(
          begin, candidates_.end(),
          [&](const auto& a, const auto& b) { return predicted(a) < predicted(b); });
      std::rotate(begin, next, std::next(next));
      Candidate& c = *begin;
      // A real memory is slower than its peak: what is worse at that is worse. But the peak's model
      // opens a row whenever the memory had nothing to do, which counts in a short layer.
      if (asked_ > 0 && bursts > kAlwaysAsked) {
        const Candidate& best = *std::min_element(candidates_.begin(), begin, is_better);
        if (bursts > (best.share > 1 + kHasSay ? kMostBursts : kLeastBursts)) break;
        if (!(c.tiling.first < best.tiling.first)) continue;
      }
      const bool by_longer = longer(c.tiling.second);
      bursts += part_of(c.tiling.second, by_longer ? kLongerSteps : kRankedSteps);
      retime(c, by_longer ? &Estimator::rank_longer : &Estimator::rank);
    }
    sort(candidates_.begin(), candidates_.begin() + std::ptrdiff_t(asked_));
  }
  /// All of what is the best by a part of it, and of what is close behind.
  void ask_all() {
    for (std::size_t walks = 0; walks < kMostWalks; ++walks) {
      const double least = candidates_.front().tiling.first.first;
      const auto end = candidates_.begin() + std::ptrdiff_t(asked_);
      const auto next = std::find_if(candidates_.begin(), end, [&](const Candidate& c) {
        const double error = longer(c.tiling.second) ? kPartError : kShortPartError;
        return !c.whole && c.share > 0 && c.tiling.first.first <= least * (1 + error) &&
               bursts_of(c.tiling.second) <= kMostOfWhole;
      });
      if (next == end) return;
      retime(*next, &Estimator::walk);
      sort(candidates_.begin(), end);
    }
  }

  void retime(Candidate& c, bool (Estimator::*by)(const Tiling&, MappingEstimate&) const) const {
    auto& [cost, one] = c.tiling;
    const MappingProblem set = divided(p_, one.tiling);
    c.whole = (Estimator(set, energy_).*by)(one.tiling, one.estimate);
    c.share = real(one.estimate.cycles) / c.peak;
    cost = cost_of(objective_, one.estimate);
  }

  using Candidates = std::vector<Candidate>;
  static bool is_better(const Candidate& a, const Candidate& b) {
    return a.tiling.first < b.tiling.first;
  }
  static void sort(Candidates::iterator begin, Candidates::iterator end) {
    std::stable_sort(begin, end, is_better);
  }

  const MappingProblem& p_;
  const Objective& objective_;
  const std::shared_ptr<EnergyModel>& energy_;
  Candidates candidates_;
  std::size_t asked_ = 0;  // of them
};

}  // namespace

std::vector<CostedTiling> last_choice(const MappingProblem& problem, const Objective& objective,
                                      const std::shared_ptr<EnergyModel>& energy,
                                      const SearchResult& found) {
  return LastChoice(problem, objective, energy).run(found);
}

}  // namespace bitjoule
