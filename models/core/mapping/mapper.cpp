#include "core/mapping/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/energy_rates.h"
#include "core/mapping/finalists.h"
#include "core/mapping/refusal.h"
#include "core/mapping/search.h"
#include "core/mapping/walked_time.h"

namespace bitjoule {
namespace {

// To tell the best of the closest; more where a simulation follows, which asks for all of a layer's
// several times.
constexpr std::int64_t kRankedBursts = 24'000, kMostRankedBursts = 200'000;
constexpr std::int64_t kSimulatedBursts = 80'000, kMostSimulatedBursts = 400'000;
constexpr std::size_t kLeastRanked = 2;
// A small part of a layer of so many tiles tells its time within about this share: among so many
// of the best a longer part decides, if all together ask for no more.
constexpr std::int64_t kLongLayer = 10 * kRankedSteps;
constexpr double kRankError = 0.05;
constexpr std::size_t kRankedLonger = 3;
constexpr std::int64_t kLongerBursts = 120'000;
// Finalists that the memory's model has as the best, before those of other orders of the loops.
constexpr std::size_t kCloseFinalists = 4;

ObjectiveWeights weights_of(const MappingPins& pins) {
  return pins.weights.value_or(weights_of(pins.objective.value_or(MappingObjective::kEdp)));
}

/// Where nothing has a price, DRAM traffic stands for energy.
Objective objective_of(const MappingProblem& p, ObjectiveWeights weights, EnergyModel& energy) {
  if (energy_rates(p, energy).fixed == 0) {
    weights.traffic += weights.energy;
    weights.energy = 0;
  }
  return Objective(weights);
}

bool is_same(const Mapping& a, const Mapping& b) {
  const auto members = [](const Mapping& m) {
    const Tiling& t = m.tiling;
    return std::tie(m.setting.dataflow, t.groups, t.batch, t.out_rows, t.out_cols, t.n, t.k,
                    t.input_full_k, t.order, t.fold_order, t.groups_at_once, t.single);
  };
  return members(a) == members(b);
}

/// The settings of a machine that the pins leave.
std::vector<MachineSetting> pinned_settings(const AcceleratorConfig& machine,
                                            const MappingPins& pins) {
  std::vector<MachineSetting> all = settings(machine);
  if (!pins.dataflow) return all;
  std::string names;
  for (const MachineSetting& setting : all) {
    if (setting.dataflow == *pins.dataflow) return {setting};
    names += (names.empty() ? "" : ", ") + enum_name(setting.dataflow);
  }
  throw input_error(
      fmt::format("mapping.dataflow: expected one of accelerator.array.dataflow ({}), got {}",
                  names, enum_name(*pins.dataflow)));
}

/// What becomes of the best of a search.
enum class Next {
  kChosen,     ///< it is the layer's mapping
  kSimulated,  ///< it is simulated, with others that are close
  kCompared,   ///< it is simulated beside those of the layer's own objective
};

/// What a search with one setting of the machine has found.
struct Searched {
  Mapping mapping;
  SearchResult found;
  PricesAsked prices;
};

/// About how many bursts the memory's model is asked for to rank a tiling by so many steps.
std::int64_t ranked_bursts(const MappingProblem& p, const MappingAlternative& one,
                           std::int64_t steps) {
  const std::int64_t bursts = one.estimate.traffic.total().bursts;
  const std::int64_t all = trip_counts(p.layer, one.tiling).total();
  return std::min(bursts, std::max(kRankedAtLeast, bursts / all * steps));
}

/// Among the closest at the memory's peak the best by its own model.
class Ranking {
 public:
  using Found = std::pair<MappingCost, MappingAlternative>;

  Ranking(const MappingProblem& p, const Objective& objective, std::shared_ptr<EnergyModel> energy,
          std::vector<Found>& closest)
      : p_(p), objective_(objective), energy_(std::move(energy)), closest_(closest) {
    for (const Found& found : closest) peaks_.push_back(found.second.estimate);
  }

  /// By a part of each, asked for so many bursts. Those that it was asked about come first then.
  void by_parts(std::int64_t left) {
    MappingCost least;
    for (; ranked_ < closest_.size(); ++ranked_) {
      auto& [cost, one] = closest_[ranked_];
      // A real memory is slower than its peak: what is worse at that is worse.
      if (ranked_ > 0 && ((left <= 0 && ranked_ >= kLeastRanked) || !(cost < least))) break;
      left -= ranked_bursts(p_, one, kRankedSteps);
      retime(ranked_, &Estimator::rank);
      least = ranked_ == 0 ? cost : std::min(least, cost);
    }
    sort(ranked_);
  }

  /// The few best by longer parts, where shorter ones cannot tell them apart.
  void by_longer_parts() {
    const double most = closest_.front().first.first * (1 + kRankError);
    std::size_t few = 0;
    std::int64_t left = kLongerBursts;
    for (; few < std::min(ranked_, kRankedLonger); ++few) {
      const auto& [cost, one] = closest_[few];
      left -= ranked_bursts(p_, one, kLongerSteps);
      if (cost.first > most || left < 0 || trip_counts(p_.layer, one.tiling).total() < kLongLayer)
        break;
    }
    if (few < 2) return;
    for (std::size_t i = 0; i < few; ++i) retime(i, &Estimator::rank_longer);
    sort(few);
  }

 private:
  void retime(std::size_t i, void (Estimator::*by)(const Tiling&, MappingEstimate&) const) {
    auto& [cost, one] = closest_[i];
    one.estimate = peaks_[i];
    const MappingProblem set = divided(p_, one.tiling);
    (Estimator(set, energy_).*by)(one.tiling, one.estimate);
    cost = cost_of(objective_, one.estimate);
  }

  void sort(std::size_t first) {
    std::vector<std::size_t> order(first);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return closest_[a].first < closest_[b].first;
    });
    const std::vector<Found> closest(closest_.begin(),
                                     closest_.begin() + static_cast<std::ptrdiff_t>(first));
    const std::vector<MappingEstimate> peaks = peaks_;
    for (std::size_t i = 0; i < first; ++i) {
      closest_[i] = closest[order[i]];
      peaks_[i] = peaks[order[i]];
    }
  }

  const MappingProblem& p_;
  const Objective& objective_;
  std::shared_ptr<EnergyModel> energy_;
  std::vector<Found>& closest_;
  std::vector<MappingEstimate> peaks_;  // of each, at the memory's peak
  std::size_t ranked_ = 0;
};

void take_best(const MappingProblem& p, const Objective& objective,
               const std::shared_ptr<EnergyModel>& energy, Next next, Searched& s) {
  std::vector<Ranking::Found>& closest = s.found.closest;
  if (p.memory.sampled) {
    const std::int64_t all = closest.front().second.estimate.traffic.total().bursts;
    Ranking ranking(p, objective, energy, closest);
    ranking.by_parts(next == Next::kSimulated
                         ? std::clamp(all, kSimulatedBursts, kMostSimulatedBursts)
                         : std::clamp(all * 3 / 4, kRankedBursts, kMostRankedBursts));
    if (next == Next::kChosen) ranking.by_longer_parts();
  }
  s.found.cost = closest.front().first;
  s.mapping.tiling = closest.front().second.tiling;
  s.mapping.estimate = closest.front().second.estimate;
}

Searched search_setting(MappingProblem p, const MachineSetting& setting, const MappingPins& pins,
                        const ObjectiveWeights& weights, Next next) {
  p.machine = configured(std::move(p.machine), setting);
  const MappingSpace space = mapping_space(p, pins);
  const MappingProblem undivided = roomiest(p);
  const auto energy = std::make_shared<EnergyModel>(undivided);
  const Objective objective = objective_of(undivided, weights, *energy);
  Searched s;
  s.found = search(p, space, objective, energy);
  if (!s.found.best) refuse_layer(p, space);
  Mapping& m = s.mapping;
  m.setting = setting;
  m.boxes = s.found.boxes;
  m.estimated = s.found.estimated;
  m.misfits = s.found.misfits;
  m.gap = s.found.gap();
  take_best(p, objective, energy, next, s);
  m.notes = space.notes;
  s.prices = {setting, energy->asked()};
  return s;
}

/// Of each setting the best, the cheapest first. Throws where there is none.
std::vector<Searched> search_settings(const MappingProblem& problem, const MappingPins& pins,
                                      const ObjectiveWeights& weights, Next next) {
  std::vector<Searched> all;
  std::exception_ptr reason;
  for (const MachineSetting& setting : pinned_settings(problem.machine, pins)) {
    try {
      all.push_back(search_setting(problem, setting, pins, weights, next));
    } catch (const Error& e) {  // it may fit with another setting
      if (e.kind() != ErrorKind::kInput) throw;
      if (!reason) reason = std::current_exception();
    }
  }
  if (all.empty()) std::rethrow_exception(reason);
  std::stable_sort(all.begin(), all.end(), [](const Searched& a, const Searched& b) {
    return a.found.cost < b.found.cost;
  });
  return all;
}

}  // namespace

MappingProblem configured(MappingProblem problem, const Mapping& mapping) {
  problem.machine = configured(std::move(problem.machine), mapping.setting);
  return divided(std::move(problem), mapping.tiling);
}

Mapping map_layer(const MappingProblem& problem, const MappingPins& pins) {
  return search_settings(problem, pins, weights_of(pins), Next::kChosen).front().mapping;
}

bool same_prices(const MappingProblem& problem, const std::vector<PricesAsked>& asked) {
  return std::all_of(asked.begin(), asked.end(), [&](const PricesAsked& some) {
    MappingProblem p = problem;
    p.machine = configured(std::move(p.machine), some.setting);
    p = roomiest(std::move(p));
    return EnergyModel(p).agrees(some.asked);
  });
}

std::int64_t finalists(const MappingPins& pins) {
  const ObjectiveWeights weights = weights_of(pins);
  const bool cycles_alone = weights.energy == 0 && weights.traffic == 0;
  return pins.finalists.value_or(cycles_alone ? 6 : 1);
}

std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins,
                                   std::vector<PricesAsked>& asked) {
  const ObjectiveWeights weights = weights_of(pins);
  const auto most = static_cast<std::size_t>(finalists(pins));
  const auto searched = [&](const ObjectiveWeights& by, Next next) {
    std::vector<Searched> all = search_settings(problem, pins, by, next);
    for (const Searched& s : all) asked.push_back(s.prices);
    return all;
  };
  const std::vector<Searched> found =
      searched(weights, most > 1 ? Next::kSimulated : Next::kChosen);
  std::vector<Mapping> all = {found.front().mapping};
  const auto add = [&](const Mapping& other) {
    for (const Mapping& known : all)
      if (is_same(known, other)) return;
    if (all.size() < most) all.push_back(other);
  };
  for (const MappingObjective objective : {MappingObjective::kEdp, MappingObjective::kCycles,
                                           MappingObjective::kEnergy, MappingObjective::kTraffic}) {
    if (all.size() >= most) return all;
    const ObjectiveWeights by = weights_of(objective);
    if (std::tie(by.energy, by.cycles, by.traffic) !=
        std::tie(weights.energy, weights.cycles, weights.traffic))
      add(searched(by, Next::kCompared).front().mapping);
  }
  for (const Searched& s : found) add(s.mapping);
  const auto add_tiling = [&](const MappingAlternative& other) {
    Mapping m = found.front().mapping;
    m.tiling = other.tiling;
    m.estimate = other.estimate;
    add(m);
  };
  const auto& closest = found.front().found.closest;
  for (std::size_t i = 0; i < std::min(closest.size(), kCloseFinalists); ++i)
    add_tiling(closest[i].second);
  auto schemes = found.front().found.of_schemes;
  std::stable_sort(schemes.begin(), schemes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [cost, other] : schemes) add_tiling(other);
  for (const auto& [cost, other] : closest) add_tiling(other);
  return all;
}

std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins) {
  std::vector<PricesAsked> asked;
  return map_finalists(problem, pins, asked);
}

double cost_with_cycles(const MappingProblem& problem, const Mapping& mapping,
                        const MappingPins& pins, std::int64_t cycles) {
  MappingEstimate e = mapping.estimate;
  e.cycles = cycles;
  const MappingProblem undivided = roomiest(problem);
  EnergyModel energy(undivided);
  return cost_of(objective_of(undivided, weights_of(pins), energy), e).first;
}

std::vector<MappingAlternative> alternatives(const MappingProblem& problem, const MappingPins& pins,
                                             const Mapping& chosen) {
  std::vector<Searched> found;
  const auto add = [&](const MappingPins& others) {
    try {
      found.push_back(
          std::move(search_settings(problem, others, weights_of(pins), Next::kCompared).front()));
    } catch (const Error& e) {  // of this kind none fits
      if (e.kind() != ErrorKind::kInput) throw;
    }
  };
  for (const MachineSetting& setting : pinned_settings(problem.machine, pins)) {
    MappingPins others = pins;
    others.dataflow = setting.dataflow;
    if (setting.dataflow != chosen.setting.dataflow) {
      add(others);
      continue;
    }
    for (const LoopOrder order : {LoopOrder::kMnk, LoopOrder::kNmk, LoopOrder::kMkn,
                                  LoopOrder::kNkm, LoopOrder::kKmn, LoopOrder::kKnm}) {
      others.order = order;
      if (loop_dims(order) != chosen.tiling.order && (!pins.order || *pins.order == order))
        add(others);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Searched& a, const Searched& b) {
    return a.found.cost < b.found.cost;
  });
  // Orders of loops with one tile each are the same.
  const auto same_cost = [](const Mapping& a, const Mapping& b) {
    return a.setting.dataflow == b.setting.dataflow && a.estimate.cycles == b.estimate.cycles &&
           a.estimate.energy_pj == b.estimate.energy_pj &&
           a.estimate.moved_bytes() == b.estimate.moved_bytes();
  };
  std::vector<MappingAlternative> all;
  const Mapping* ahead = &chosen;
  for (const Searched& s : found) {
    if (same_cost(s.mapping, *ahead)) continue;
    ahead = &s.mapping;
    all.push_back({s.mapping.setting, s.mapping.tiling, s.mapping.estimate});
  }
  return all;
}

}  // namespace bitjoule
