#include "core/mapping/last_choice.h"

#include <algorithm>
#include <iterator>

#include "core/mapping/division.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// The best by each goal are always asked about, others until all parts have half as many bursts as
// the layer, but no fewer and no more than these.
constexpr std::int64_t kLeastBursts = 45'000, kMostBursts = 120'000;
// A long part of more bursts than this gives way to a shorter one.
constexpr std::int64_t kMostOfPart = 60'000;
// What is better than all finalists by this share at the memory's peak is one, too.
constexpr double kBetter = 0.01;
// What is the best by a part of it, and the next where it is so close, is asked about as a whole if
// it has no more bursts than this: so many at most, as the best may become others.
constexpr double kPartError = 0.04;
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
    bool whole = false;  // the memory's model was asked for all of it
  };

  /// About how many bursts the memory's model is asked for to rank it.
  std::int64_t part_of(const MappingAlternative& one) const {
    const std::int64_t bursts = bursts_of(one), steps = trip_counts(p_.layer, one.tiling).total();
    return std::min(bursts, std::max(kRankedAtLeast, bursts / steps * kLongerSteps));
  }

  void take_finalists(const SearchResult& found) {
    const std::vector<MappingAlternative>& finalists = found.finalists;
    std::int64_t left = std::clamp(bursts_of(finalists.front()) / 2, kLeastBursts, kMostBursts);
    for (const MappingAlternative& one : finalists) {
      left -= part_of(one);
      if (candidates_.size() >= found.bests && left < 0) break;
      candidates_.push_back({{cost_of(objective_, one.estimate), one}});
    }
    sort(candidates_.size());
    const MappingCost& least = candidates_.front().tiling.first;
    if (found.cost.first * (1 + kBetter) < least.first)
      candidates_.insert(candidates_.begin(), {found.closest.front()});
  }

  /// Those that may be the best come first then.
  void ask_parts() {
    MappingCost least;
    std::int64_t bursts = 0;
    for (; asked_ < candidates_.size(); ++asked_) {
      Candidate& c = candidates_[asked_];
      // A real memory is slower than its peak: what is worse at that is worse. But the peak's model
      // opens a row whenever the memory had nothing to do, which counts in a short layer.
      if (asked_ > 0 && !(c.tiling.first < least) && bursts > kAlwaysAsked) break;
      bursts += part_of(c.tiling.second);
      const bool longer = part_of(c.tiling.second) <= kMostOfPart;
      retime(c, longer ? &Estimator::rank_longer : &Estimator::rank);
      least = asked_ == 0 ? c.tiling.first : std::min(least, c.tiling.first);
    }
    sort(asked_);
  }

  /// All of what is the best by a part of it, and of what is close behind.
  void ask_all() {
    for (std::size_t walks = 0; walks < kMostWalks; ++walks) {
      const double close = candidates_.front().tiling.first.first * (1 + kPartError);
      std::size_t next = 0;
      while (next < std::min<std::size_t>(asked_, 2) &&
             (candidates_[next].whole || candidates_[next].tiling.first.first > close ||
              bursts_of(candidates_[next].tiling.second) > kMostOfWhole))
        ++next;
      if (next == std::min<std::size_t>(asked_, 2)) return;
      retime(candidates_[next], &Estimator::walk);
      sort(asked_);
    }
  }

  void retime(Candidate& c, bool (Estimator::*by)(const Tiling&, MappingEstimate&) const) const {
    auto& [cost, one] = c.tiling;
    const MappingProblem set = divided(p_, one.tiling);
    c.whole = (Estimator(set, energy_).*by)(one.tiling, one.estimate);
    cost = cost_of(objective_, one.estimate);
  }

  void sort(std::size_t first) {
    std::stable_sort(
        candidates_.begin(), std::next(candidates_.begin(), std::ptrdiff_t(first)),
        [](const Candidate& a, const Candidate& b) { return a.tiling.first < b.tiling.first; });
  }

  const MappingProblem& p_;
  const Objective& objective_;
  const std::shared_ptr<EnergyModel>& energy_;
  std::vector<Candidate> candidates_;
  std::size_t asked_ = 0;  // of them
};

}  // namespace

std::vector<CostedTiling> last_choice(const MappingProblem& problem, const Objective& objective,
                                      const std::shared_ptr<EnergyModel>& energy,
                                      const SearchResult& found) {
  return LastChoice(problem, objective, energy).run(found);
}

}  // namespace bitjoule
