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
#include "core/mapping/search.h"

namespace bitjoule {
namespace {

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

/// Which buffer even the smallest tile exceeds, and what would do.
[[noreturn]] void refuse(const MappingProblem& p, const MappingSpace& space) {
  std::array<std::int64_t, kAxes> smallest{};
  for (std::size_t a = 0; a < kAxes; ++a) smallest[a] = space.sizes[a].front();
  // A longer k may hold less of the inputs: channels of one kernel position, not parts of two.
  TileFootprint least = tile_footprint(p, space.tiling(0, smallest));
  for (const std::int64_t k : space.sizes[at(TileAxis::kK)]) {
    smallest[at(TileAxis::kK)] = k;
    least.input = std::min(least.input, tile_footprint(p, space.tiling(0, smallest)).input);
  }
  const BuffersConfig& b = p.machine.buffers;
  const auto check = [&b](BufferRole role, Bytes need) {
    const BufferConfig& buffer = b.of(role);
    const bool halves = buffer.double_buffered && !buffer.either_buffering;
    if (b.unifies(role) || need.value * (halves ? 2 : 1) <= buffer.capacity.value) return;
    throw input_error(fmt::format(
        "no tile of the layer fits the machine: the smallest takes {} B of the {} buffer, which "
        "has {} B{}; {} B would do",
        need.value, enum_name(role), buffer.capacity.value,
        halves ? " for two tiles (double-buffered)" : "", need.value * (halves ? 2 : 1)));
  };
  check(BufferRole::kInput, least.input);
  check(BufferRole::kWeight, least.weight);
  check(BufferRole::kScale, least.scale);
  check(BufferRole::kAccumulator, least.accumulator);
  check(BufferRole::kOutput, least.output);
  for (std::size_t a = 0; a < kAxes; ++a) smallest[a] = space.sizes[a].front();
  Tiling t = space.tiling(0, smallest);
  for (const BufferRole role : kBufferRoles) t.single.add(role);
  throw input_error(
      fmt::format("no tile of the layer fits the machine; of the smallest one, the {}",
                  misfit(p, t, tile_footprint(p, t))));
}

}  // namespace

namespace {

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
  SearchResult found;
};

Searched search_setting(MappingProblem p, const MachineSetting& setting, const MappingPins& pins,
                        const ObjectiveWeights& weights) {
  p.machine = configured(std::move(p.machine), setting);
  const MappingSpace space = mapping_space(p, pins);
  const MappingProblem undivided = roomiest(p);
  const auto energy = std::make_shared<EnergyModel>(undivided);
  const Objective objective = objective_of(undivided, weights, *energy);
  Searched s;
  s.found = search(p, space, objective, energy);
  if (!s.found.best) refuse(p, space);
  Mapping& m = s.mapping;
  m.setting = setting;
  m.boxes = s.found.boxes;
  m.estimated = s.found.estimated;
  m.misfits = s.found.misfits;
  m.gap = s.found.gap();
  // At the memory's peak these are about equal; its own model tells which is the best.
  for (std::size_t i = 0; i < s.found.closest.size(); ++i) {
    auto& [cost, one] = s.found.closest[i];
    // A real memory is slower than its peak: what is worse at that is worse.
    if (i > 0 && (!p.memory.sampled || !(cost < s.found.cost))) break;
    const MappingProblem set = divided(p, one.tiling);
    Estimator(set, energy).rank(one.tiling, one.estimate);
    cost = cost_of(objective, one.estimate);
    if (i > 0 && !(cost < s.found.cost)) continue;
    s.found.cost = cost;
    m.tiling = one.tiling;
    m.estimate = one.estimate;
  }
  m.notes = space.notes;
  return s;
}

/// Of each setting the best, the cheapest first. Throws where there is none.
std::vector<Searched> search_settings(const MappingProblem& problem, const MappingPins& pins,
                                      const ObjectiveWeights& weights) {
  std::vector<Searched> all;
  std::exception_ptr reason;
  for (const MachineSetting& setting : pinned_settings(problem.machine, pins)) {
    try {
      all.push_back(search_setting(problem, setting, pins, weights));
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
  return search_settings(problem, pins, weights_of(pins)).front().mapping;
}

std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins) {
  const ObjectiveWeights weights = weights_of(pins);
  const bool cycles_alone = weights.energy == 0 && weights.traffic == 0;
  const auto most = static_cast<std::size_t>(pins.finalists.value_or(cycles_alone ? 6 : 1));
  const std::vector<Searched> found = search_settings(problem, pins, weights);
  std::vector<Mapping> finalists = {found.front().mapping};
  const auto add = [&](const Mapping& other) {
    for (const Mapping& known : finalists)
      if (is_same(known, other)) return;
    if (finalists.size() < most) finalists.push_back(other);
  };
  for (const MappingObjective objective : {MappingObjective::kEdp, MappingObjective::kCycles,
                                           MappingObjective::kEnergy, MappingObjective::kTraffic}) {
    if (finalists.size() >= most) return finalists;
    add(search_settings(problem, pins, weights_of(objective)).front().mapping);
  }
  for (const Searched& s : found) add(s.mapping);
  auto schemes = found.front().found.of_schemes;
  std::stable_sort(schemes.begin(), schemes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [cost, other] : schemes) {
    Mapping m = finalists.front();
    m.tiling = other.tiling;
    m.estimate = other.estimate;
    add(m);
  }
  return finalists;
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
      found.push_back(std::move(search_settings(problem, others, weights_of(pins)).front()));
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
