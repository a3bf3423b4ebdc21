#include "core/mapping/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <tuple>
#include <utility>

#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/energy_rates.h"
#include "core/mapping/finalists.h"
#include "core/mapping/last_choice.h"
#include "core/mapping/refusal.h"
#include "core/mapping/search.h"

namespace bitjoule {
namespace {

ObjectiveWeights weights_of(const MappingPins& pins) {
  return pins.weights.value_or(weights_of(pins.objective.value_or(MappingObjective::kEdp)));
}

bool are_equal(const ObjectiveWeights& a, const ObjectiveWeights& b) {
  return std::tie(a.energy, a.cycles, a.traffic) == std::tie(b.energy, b.cycles, b.traffic);
}

/// Where nothing has a price, DRAM traffic stands for energy.
Objective objective_of(ObjectiveWeights weights, const EnergyRates& rates) {
  if (rates.fixed == 0) {
    weights.traffic += weights.energy;
    weights.energy = 0;
  }
  return Objective(weights);
}

bool is_same(const Mapping& a, const Mapping& b) {
  return a.setting.dataflow == b.setting.dataflow && is_same(a.tiling, b.tiling);
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

/// What a search with one setting of the machine has found.
struct Searched {
  Mapping mapping;
  std::vector<CostedTiling> ranked;  // what may be the best if it is simulated, the best first
  PricesAsked prices;
  const MappingCost& cost() const { return ranked.front().first; }
};

/// The standard objectives and those of them that are `wanted`, each of which has a number; others
/// that are wanted come behind.
struct Goals {
  std::vector<Objective> objectives;
  std::vector<std::size_t> owns;
};
Goals goals_of(const std::vector<MappingPins>& wanted, const EnergyRates& rates) {
  Goals goals;
  std::vector<ObjectiveWeights> known;
  const auto add = [&](const ObjectiveWeights& some) {
    goals.objectives.push_back(objective_of(some, rates));
    known.push_back(some);
  };
  for (const MappingObjective standard : {MappingObjective::kEdp, MappingObjective::kCycles,
                                          MappingObjective::kEnergy, MappingObjective::kTraffic})
    add(weights_of(standard));
  for (const MappingPins& pins : wanted) {
    const ObjectiveWeights own = weights_of(pins);
    const auto at = std::find_if(known.begin(), known.end(), [&](const ObjectiveWeights& some) {
      return are_equal(some, own);
    });
    goals.owns.push_back(static_cast<std::size_t>(at - known.begin()));
    if (at == known.end()) add(own);
  }
  return goals;
}

/// Whether all that the last choice is between adds up sums by the same parts of k.
bool have_equal_sums(const SearchResult& found) {
  const auto is_equal = [&](const Tiling& other) {
    return other.k == found.closest.front().second.tiling.k;
  };
  return std::all_of(found.finalists.begin(), found.finalists.end(),
                     [&](const MappingAlternative& one) { return is_equal(one.tiling); });
}

/// By each of some pins, which differ in nothing but the objective. `any_values`: of those that
/// yield the same values any will do.
std::vector<Searched> search_setting(MappingProblem p, const MachineSetting& setting,
                                     const std::vector<MappingPins>& wanted, bool any_values) {
  p.machine = configured(std::move(p.machine), setting);
  const MappingSpace space = mapping_space(p, wanted.front());
  const MappingProblem undivided = roomiest(p);
  const auto energy = std::make_shared<EnergyModel>(undivided);
  const EnergyRates rates = energy_rates(undivided, *energy);
  const Goals goals = goals_of(wanted, rates);
  const std::vector<SearchResult> results =
      search(p, space, goals.objectives, goals.owns, energy, rates);
  std::vector<Searched> all;
  KnownWalks walks;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const SearchResult& found = results[i];
    if (found.closest.empty()) refuse_layer(p, space);
    Searched& s = all.emplace_back();
    s.ranked = any_values && have_equal_sums(found)
                   ? found.closest
                   : last_choice(p, goals.objectives[goals.owns[i]], energy, found,
                                 finalists(wanted[i]) == 1, walks);
    Mapping& m = s.mapping;
    m.setting = setting;
    m.boxes = found.boxes;
    m.estimated = found.estimated;
    m.misfits = found.misfits;
    m.gap = found.gap();
    m.tiling = s.ranked.front().second.tiling;
    m.estimate = s.ranked.front().second.estimate;
    m.notes = space.notes;
  }
  for (Searched& s : all) s.prices = {setting, energy->asked()};
  return all;
}

/// By each of some pins, which differ in nothing but the objective: of each setting the best, the
/// cheapest first. Throws where there is none.
std::vector<std::vector<Searched>> search_settings(const MappingProblem& problem,
                                                   const std::vector<MappingPins>& wanted) {
  std::vector<std::vector<Searched>> all(wanted.size());
  std::exception_ptr reason;
  const std::vector<MachineSetting> settings = pinned_settings(problem.machine, wanted.front());
  // Else the best of each has to be known.
  const bool any_values =
      problem.values_alone && settings.size() == 1 && finalists(wanted.front()) == 1;
  for (const MachineSetting& setting : settings) {
    try {
      std::vector<Searched> found = search_setting(problem, setting, wanted, any_values);
      for (std::size_t i = 0; i < found.size(); ++i) all[i].push_back(std::move(found[i]));
    } catch (const Error& e) {  // it may fit with another setting
      if (e.kind() != ErrorKind::kInput) throw;
      if (!reason) reason = std::current_exception();
    }
  }
  if (all.front().empty()) std::rethrow_exception(reason);
  for (std::vector<Searched>& of_one : all)
    std::stable_sort(of_one.begin(), of_one.end(),
                     [](const Searched& a, const Searched& b) { return a.cost() < b.cost(); });
  return all;
}

std::vector<Searched> search_settings(const MappingProblem& problem, const MappingPins& pins) {
  return std::move(search_settings(problem, std::vector<MappingPins>{pins}).front());
}

}  // namespace

MappingProblem configured(MappingProblem problem, const Mapping& mapping) {
  problem.machine = configured(std::move(problem.machine), mapping.setting);
  return divided(std::move(problem), mapping.tiling);
}

Mapping map_layer(const MappingProblem& problem, const MappingPins& pins) {
  return search_settings(problem, pins).front().mapping;
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
  const auto most = static_cast<std::size_t>(finalists(pins));
  std::vector<MappingPins> wanted = {pins};
  if (most > 1)
    for (const MappingObjective objective :
         {MappingObjective::kEdp, MappingObjective::kCycles, MappingObjective::kEnergy,
          MappingObjective::kTraffic}) {
      if (are_equal(weights_of(pins), weights_of(objective))) continue;
      MappingPins others = pins;
      others.weights.reset();
      others.objective = objective;
      wanted.push_back(others);
    }
  const std::vector<std::vector<Searched>> by_objective = search_settings(problem, wanted);
  const std::vector<Searched>& found = by_objective.front();
  for (const Searched& s : found) asked.push_back(s.prices);
  std::vector<Mapping> all;
  const auto add = [&](const Mapping& other) {
    for (const Mapping& known : all)
      if (is_same(known, other)) return;
    if (all.size() < most) all.push_back(other);
  };
  for (const Searched& s : found) add(s.mapping);
  const Searched& best = found.front();
  for (std::size_t i = 1; i < by_objective.size(); ++i) add(by_objective[i].front().mapping);
  for (std::size_t i = 1; i < best.ranked.size(); ++i) {
    Mapping m = best.mapping;
    m.tiling = best.ranked[i].second.tiling;
    m.estimate = best.ranked[i].second.estimate;
    add(m);
  }
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
  return cost_of(objective_of(weights_of(pins), energy_rates(undivided, energy)), e).first;
}

std::vector<MappingAlternative> alternatives(const MappingProblem& problem, const MappingPins& pins,
                                             const Mapping& chosen) {
  std::vector<Searched> found;
  const auto add = [&](const MappingPins& others) {
    try {
      found.push_back(std::move(search_settings(problem, others).front()));
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
  const auto refined = [&](Mapping m) {
    m.estimate = estimate(configured(problem, m), m.tiling);
    return std::pair(cost_with_cycles(problem, m, pins, m.estimate.cycles), m);
  };
  std::vector<std::pair<double, Mapping>> mappings;
  for (const Searched& s : found) mappings.push_back(refined(s.mapping));
  std::stable_sort(mappings.begin(), mappings.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Orders of loops with one tile each are the same.
  const auto same_cost = [](const Mapping& a, const Mapping& b) {
    return a.setting.dataflow == b.setting.dataflow && a.estimate.cycles == b.estimate.cycles &&
           a.estimate.energy_pj == b.estimate.energy_pj &&
           a.estimate.moved_bytes() == b.estimate.moved_bytes();
  };
  const auto [least, taken] = refined(chosen);
  std::vector<MappingAlternative> all;
  const Mapping* ahead = &taken;
  for (const auto& [cost, m] : mappings) {
    if (same_cost(m, *ahead)) continue;
    ahead = &m;
    all.push_back({m.setting, m.tiling, m.estimate, least > 0 ? cost / least : 1});
  }
  return all;
}

}  // namespace bitjoule
