#include "core/mapping/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/mapping/energy_rates.h"
#include "core/mapping/search.h"

namespace bitjoule {
namespace {

ObjectiveWeights weights_of(const MappingPins& pins) {
  return pins.weights.value_or(weights_of(pins.objective.value_or(MappingObjective::kEdp)));
}

/// Where nothing has a price, DRAM traffic stands for energy.
Objective objective_of(const MappingProblem& p, ObjectiveWeights weights) {
  if (energy_rates(p).fixed == 0) {
    weights.traffic += weights.energy;
    weights.energy = 0;
  }
  return Objective(weights);
}

bool is_same(const Tiling& a, const Tiling& b) {
  const auto members = [](const Tiling& t) {
    return std::tie(t.groups, t.batch, t.out_rows, t.out_cols, t.n, t.k, t.input_full_k, t.order);
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
  const auto check = [](const char* name, Bytes need, const BufferConfig& buffer) {
    if (need <= usable(buffer)) return;
    throw input_error(fmt::format(
        "no tile of the layer fits the machine: the smallest takes {} B of the {} buffer, which "
        "has {} B{}; {} B would do",
        need.value, name, buffer.capacity.value,
        buffer.double_buffered ? " for two tiles (double-buffered)" : "",
        need.value * (buffer.double_buffered ? 2 : 1)));
  };
  check("input", least.input, b.input);
  check("weight", least.weight, b.weight);
  check("scale", least.scale, b.scale);
  check("accumulator", least.accumulator, b.accumulator);
  check("output", least.output, b.output);
  for (std::size_t a = 0; a < kAxes; ++a) smallest[a] = space.sizes[a].front();
  const Tiling t = space.tiling(0, smallest);
  throw input_error(
      fmt::format("no tile of the layer fits the machine; of the smallest one, the {}",
                  misfit(p, t, tile_footprint(p, t))));
}

}  // namespace

namespace {

Mapping mapping_of(const SearchResult& found, const MappingSpace& space) {
  Mapping m;
  m.tiling = found.best->tiling;
  m.estimate = found.best->estimate;
  m.boxes = found.boxes;
  m.estimated = found.estimated;
  m.misfits = found.misfits;
  m.gap = found.gap();
  m.notes = space.notes;
  return m;
}

}  // namespace

Mapping map_layer(const MappingProblem& problem, const MappingPins& pins) {
  const MappingSpace space = mapping_space(problem, pins);
  const SearchResult found = search(problem, space, objective_of(problem, weights_of(pins)));
  if (!found.best) refuse(problem, space);
  return mapping_of(found, space);
}

std::vector<Mapping> map_finalists(const MappingProblem& problem, const MappingPins& pins) {
  const ObjectiveWeights weights = weights_of(pins);
  const bool cycles_alone = weights.energy == 0 && weights.traffic == 0;
  const auto most = static_cast<std::size_t>(pins.finalists.value_or(cycles_alone ? 6 : 1));
  const MappingSpace space = mapping_space(problem, pins);
  SearchResult found = search(problem, space, objective_of(problem, weights_of(pins)));
  if (!found.best) refuse(problem, space);
  std::vector<Mapping> finalists = {mapping_of(found, space)};
  const auto add = [&](const MappingAlternative& other) {
    if (finalists.size() >= most) return;
    for (const Mapping& known : finalists)
      if (is_same(known.tiling, other.tiling)) return;
    finalists.push_back(finalists.front());
    finalists.back().tiling = other.tiling;
    finalists.back().estimate = other.estimate;
  };
  for (const MappingObjective objective : {MappingObjective::kEdp, MappingObjective::kCycles,
                                           MappingObjective::kEnergy, MappingObjective::kTraffic})
    if (finalists.size() < most)
      add(*search(problem, space, objective_of(problem, weights_of(objective))).best);
  std::stable_sort(found.of_schemes.begin(), found.of_schemes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [cost, other] : found.of_schemes) add(other);
  return finalists;
}

double cost_with_cycles(const MappingProblem& problem, const Mapping& mapping,
                        const MappingPins& pins, std::int64_t cycles) {
  MappingEstimate e = mapping.estimate;
  e.cycles = cycles;
  return cost_of(objective_of(problem, weights_of(pins)), e).first;
}

std::vector<MappingAlternative> alternatives(const MappingProblem& problem, const MappingPins& pins,
                                             const Mapping& chosen) {
  const Objective objective = objective_of(problem, weights_of(pins));
  std::vector<std::pair<MappingCost, MappingAlternative>> found;
  for (const LoopOrder order : {LoopOrder::kMnk, LoopOrder::kNmk, LoopOrder::kMkn, LoopOrder::kNkm,
                                LoopOrder::kKmn, LoopOrder::kKnm}) {
    if (loop_dims(order) == chosen.tiling.order || (pins.order && *pins.order != order)) continue;
    MappingPins one = pins;
    one.order = order;
    const SearchResult other = search(problem, mapping_space(problem, one), objective);
    if (other.best) found.emplace_back(other.cost, *other.best);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<MappingAlternative> all;
  for (auto& [cost, alternative] : found) all.push_back(std::move(alternative));
  return all;
}

}  // namespace bitjoule
