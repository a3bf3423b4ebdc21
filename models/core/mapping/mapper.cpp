#include "core/mapping/mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/mapping/search.h"

namespace bitjoule {
namespace {

Objective objective_of(const MappingPins& pins) {
  return Objective(pins.weights.value_or(
      weights_of(pins.objective.value_or(MappingObjective::kEdp))));
}

/// Which buffer the smallest tile of every kind exceeds, and what would do.
[[noreturn]] void refuse(const MappingProblem& p, const MappingSpace& space) {
  std::array<std::int64_t, kAxes> smallest{};
  for (std::size_t a = 0; a < kAxes; ++a) smallest[a] = space.sizes[a].front();
  const Tiling t = space.tiling(0, smallest);
  throw input_error(fmt::format("no tile of the layer fits the machine; of the smallest one, the {}",
                                misfit(p, t, tile_footprint(p, t))));
}

}  // namespace

Mapping map_layer(const MappingProblem& problem, const MappingPins& pins) {
  const MappingSpace space = mapping_space(problem, pins);
  const SearchResult found = search(problem, space, objective_of(pins));
  if (!found.best) refuse(problem, space);
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

std::vector<MappingAlternative> alternatives(const MappingProblem& problem, const MappingPins& pins,
                                             const Mapping& chosen) {
  const Objective objective = objective_of(pins);
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
